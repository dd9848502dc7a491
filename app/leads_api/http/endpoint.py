"""Endpoints: call a controller's handler with the arguments that its signature declares, and build the response.

Controllers are Litestar's and are registered with a Litestar application. Their handlers are called from here, because
Litestar's own code between route and handler takes longer than the rest of a GET
(docs/decisions/0009-endpoints-called-by-the-pipeline.md). The annotation of each parameter declares the source of its
value: `Query`, `Body`, `User`, `IfMatch`, `IfThere`, `RootPath`, `Part`, or Litestar's `FromPath` for what is in the
path.
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import lru_cache, partial
from http import HTTPStatus
from inspect import signature
from typing import Annotated, Any, NamedTuple, TypeVar, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlencode

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from leads_api.errors import Faults, Invalid, ReadOnly, Unauthorized
from leads_api.http.envelope import Tagged, encode
from leads_api.http.exchange import Exchange
from leads_api.http.idempotency import HEADER, Idempotency, key_of
from leads_api.http.preconditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    Existence,
    Tags,
    accepted_versions,
    existence,
    known_tags,
)
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Input, Inputs
from leads_api.validation.paging import CursorMeta, PageMeta

T = TypeVar("T")

API = "/api/"
PARAMETER = re.compile(r"\{([^}]*)\}")
_REMEMBERED = 256
"""Handlers whose signatures are remembered: more than the service has."""
_IF_MATCH, _IF_NONE_MATCH = IF_MATCH.lower().encode(), IF_NONE_MATCH.lower().encode()
_OF_EXISTENCE = {_IF_MATCH, _IF_NONE_MATCH}
_JSON_HEADERS = {"Content-Type": JSON}


class _Source(Enum):
    QUERY = auto()
    BODY = auto()
    USER = auto()
    IF_MATCH = auto()
    IF_THERE = auto()
    ROOT_PATH = auto()
    PART = auto()


Query = Annotated[T, _Source.QUERY]
"""The validated query of the request; its struct declares the parameters."""
Body = Annotated[T, _Source.BODY]
"""The validated body of the request; its struct declares the fields."""
User = Annotated[int, _Source.USER]
"""The id of the team user who owns the request's API key."""
IfMatch = Annotated[frozenset[int] | None, _Source.IF_MATCH]
"""The versions of the record that the `If-Match` header accepts; None without one, and for `*`."""
IfThere = Annotated[Existence, _Source.IF_THERE]
"""Whether the request needs a record that is there, or that is not."""
RootPath = Annotated[str, _Source.ROOT_PATH]
"""The path prefix under which callers reach the service: empty, or for example `/crm`."""
Part = Annotated[T, _Source.PART]
"""The part of the service with the parameter's name (`Services.parts`)."""


class Asked(NamedTuple):
    """The signature of a handler."""

    query: Any
    """The type of the query; None without one."""
    body: Any
    """The type of the body; None without one."""
    names: Mapping[_Source, list[str]]
    """The names of the parameters, by source."""
    path: Mapping[str, Any]
    """The types of the parameters in the path, by name."""
    tagged: bool
    """Whether its responses have entity tags."""
    precondition: str | None
    """The name of the header with the precondition that applies to it; None if none does."""
    if_there: bool
    """Whether `If-None-Match: *` applies to it, although it changes a record."""


def asked_for(handler: HTTPRouteHandler) -> Asked:
    """Return the signature of a handler. Raises TypeError if a parameter does not declare its source."""
    # The method of a controller, because each application has an instance of its own.
    return _asked_for(getattr(handler.fn, "__func__", handler.fn), reads=handler.http_methods == {"GET"})


@lru_cache(_REMEMBERED)
def _asked_for(function: Callable[..., Any], *, reads: bool) -> Asked:
    hints = get_type_hints(function, include_extras=True)
    names: dict[_Source, list[str]] = {source: [] for source in _Source}
    types: dict[_Source, Any] = {}
    path: dict[str, Any] = {}
    for name in signature(function).parameters:
        hint: Any = hints.get(name)
        if name == "self":
            continue
        metadata = hint.__metadata__ if get_origin(hint) is Annotated else ()
        if (source := next((entry for entry in metadata if isinstance(entry, _Source)), None)) is not None:
            names[source].append(name)
            types[source] = hint.__origin__
        elif metadata:
            path[name] = int if hint.__origin__ is int else hint
        else:
            raise TypeError(f"{function}: the annotation of the parameter {name} does not declare its source")
    tagged = get_origin(hints.get("return")) is Tagged
    precondition = IF_NONE_MATCH if tagged and reads else None
    if names[_Source.IF_MATCH]:
        precondition = IF_MATCH
    if_there = bool(names[_Source.IF_THERE])
    return Asked(types.get(_Source.QUERY), types.get(_Source.BODY), names, path, tagged, precondition, if_there)


class Endpoint:
    """One handler and the parts that it depends on."""

    def __init__(
        self,
        route: HTTPRoute,
        handler: HTTPRouteHandler,
        parts: Mapping[str, Any],
        inputs: Inputs,
        idempotency: Idempotency,
    ) -> None:
        """Raises TypeError if the handler uses unknown parts, or Litestar features that do not run here."""
        _refuse_hooks(handler)
        asked = asked_for(handler)
        if unknown := [name for name in asked.names[_Source.PART] if name not in parts]:
            raise TypeError(f"{handler}: there is no part {', '.join(unknown)}")
        without = {
            **dict.fromkeys(asked.names[_Source.IF_MATCH]),
            **dict.fromkeys(asked.names[_Source.IF_THERE], Existence()),
        }
        self._handler = partial(handler.fn, **without, **{name: parts[name] for name in asked.names[_Source.PART]})
        self.path = asked.path
        self._path_parameters = PARAMETER.findall(route.path_format)
        self._max_body_bytes = inputs.max_body_bytes
        self._writes = handler.http_methods != {"GET"}
        self._input: Input | None = (
            inputs.of(asked.query, asked.body, asked.path) if route.path_format.startswith(API) else None
        )
        self._query_name, self._body_name, self._user_name, self._if_match_name, self._if_there_name, root_path = (
            next(iter(asked.names[source]), None)
            for source in (
                _Source.QUERY, _Source.BODY, _Source.USER, _Source.IF_MATCH, _Source.IF_THERE, _Source.ROOT_PATH
            )
        )  # fmt: skip
        self._root_path_name = root_path
        self._precondition = (asked.precondition or "").lower().encode()
        self._idempotency = idempotency if handler.http_methods == {"POST"} and self._input is not None else None
        self._status = handler.status_code

    async def __call__(self, exchange: Exchange, ids: list[int | str]) -> None:
        """Read the input, call the handler and set the response. Raises Failures of the input and of the handler."""
        given: dict[str, Any] = dict(zip(self._path_parameters, ids, strict=True))
        if self._root_path_name:
            given[self._root_path_name] = exchange.root_path
        if self._input is None:
            self._reply(exchange, await self._handler(**given))
            return
        if exchange.user is None:  # defence in depth: no endpoint under /api runs without authentication
            raise Unauthorized
        if exchange.reads_only and self._writes:
            raise ReadOnly
        raw = await exchange.body(self._max_body_bytes) if self._writes else b""
        known = self._read_precondition(exchange, given) if self._precondition in exchange.headers else ()
        if self._if_there_name is not None and not _OF_EXISTENCE.isdisjoint(exchange.headers):
            self._read_existence(self._if_there_name, exchange, given)
        if self._idempotency is not None and HEADER in exchange.headers:
            await self._answer_once(self._idempotency, exchange, raw, given)
            return
        await self._read(self._input, exchange, raw, given, {})
        answer = await self._handler(**given)
        if known is None or (known and answer.etag in known):
            exchange.reply(HTTPStatus.NOT_MODIFIED, {"ETag": answer.etag})  # RFC 9110, 15.4.5
        else:
            self._reply(exchange, answer)

    async def _answer_once(
        self, idempotency: Idempotency, exchange: Exchange, raw: bytes, given: dict[str, Any]
    ) -> None:
        """Answer a request that has an idempotency key."""
        assert self._input is not None
        faults: Faults = {}
        key = key_of(exchange, raw, faults)
        # Before the body is checked: what it refers to may be gone since it was accepted.
        if key is not None and await idempotency.replay(key, exchange, faults):
            return
        usable = None if faults else key
        try:
            await self._read(self._input, exchange, raw, given, faults)
        except Invalid:
            # What the first request has written since may be the reason: a lead that it has merged is gone.
            if usable is None or not await idempotency.answered_meanwhile(usable, exchange):
                raise
            return
        assert usable is not None  # else there is a fault
        await idempotency.answer(usable, exchange, partial(self._handle, exchange, given))

    async def _read(self, wanted: Input, exchange: Exchange, raw: bytes, given: dict[str, Any], faults: Faults) -> None:
        """Add query, body and user to the arguments. Raises the input's Failures, `faults` among them."""
        query, body = await wanted.read(
            exchange.query_string,
            raw,
            path=given,
            content_type=exchange.header(b"content-type"),
            content_encoding=exchange.header(b"content-encoding"),
            faults=faults,
        )
        if self._query_name:
            given[self._query_name] = query
        if self._body_name:
            given[self._body_name] = body
        if self._user_name:
            given[self._user_name] = exchange.user

    async def _handle(self, exchange: Exchange, given: Mapping[str, Any]) -> None:
        self._reply(exchange, await self._handler(**given))

    def _read_precondition(self, exchange: Exchange, given: dict[str, Any]) -> Tags:
        """Add what `If-Match` accepts to the arguments, or return the tags of `If-None-Match`."""
        text = exchange.list_header(self._precondition)
        if self._if_match_name is None:
            return known_tags(text)
        given[self._if_match_name] = accepted_versions(text)
        return ()

    def _read_existence(self, name: str, exchange: Exchange, given: dict[str, Any]) -> None:
        """Add what the headers say about the existence of the record to the arguments."""
        if_match, if_none_match = (
            exchange.list_header(each) if each in exchange.headers else None for each in (_IF_MATCH, _IF_NONE_MATCH)
        )
        given[name] = existence(if_match, if_none_match)

    def _reply(self, exchange: Exchange, answer: Any) -> None:
        if isinstance(answer, Tagged):
            content, status, headers = answer.content, self._status, {"Content-Type": JSON, "ETag": answer.etag}
            if answer.location is not None:
                status = HTTPStatus.CREATED
                headers["Location"] = exchange.root_path + answer.location
        elif isinstance(answer, Response):
            content, status, headers = answer.content, answer.status_code or self._status, answer.headers
            headers = {"Content-Type": answer.media_type or JSON, **headers}
            if exchange.root_path and "Location" in headers:
                headers["Location"] = exchange.root_path + headers["Location"]
        else:
            content, status, headers = answer, self._status, _JSON_HEADERS
        meta = getattr(content, "meta", None)
        if isinstance(meta, PageMeta | CursorMeta) and (following := meta.next_page()) is not None:
            headers = headers | {"Link": _next_page(exchange, following)}
        exchange.reply(status, headers, content if isinstance(content, bytes) else encode(content))


def _next_page(exchange: Exchange, following: Mapping[str, str]) -> str:
    """Return the `Link` header of the next page (RFC 8288). It is relative, because the public host is not known."""
    query = exchange.query_string.decode("latin-1")
    parameters = dict(parse_qsl(query, keep_blank_values=True)) | dict(following)
    return f'<{exchange.root_path}{exchange.path}?{urlencode(parameters)}>; rel="next"'


def _refuse_hooks(handler: HTTPRouteHandler) -> None:
    """Raise TypeError if a handler uses a Litestar feature that does not run here."""
    ignored = {
        "guards": handler.resolve_guards(),
        "dependencies": handler.resolve_dependencies(),
        "before_request": handler.resolve_before_request(),
        "after_response": handler.resolve_after_response(),
        "middleware": handler.resolve_middleware(),
        "after_request": [layer.after_request for layer in handler.ownership_layers if layer.after_request],
    }
    if used := [name for name, hook in ignored.items() if hook]:
        raise TypeError(f"{handler}: {', '.join(used)} would not run; see app/leads_api/http/endpoint.py")
