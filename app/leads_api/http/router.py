"""The endpoints: found by path and method, and called with what their handlers ask for.

The controllers are the framework's, and so is the application that they are registered with; what calls their handlers
is here, for speed: what the framework does between route and handler costs more than the rest of a GET does
(docs/decisions/0009-endpoints-called-by-the-pipeline.md).
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from inspect import signature
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from leads_api.errors import MethodNotAllowed, NotFound, Unauthorized
from leads_api.http.exchange import Exchange
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Input, Inputs
from leads_api.validation.paging import CursorMeta, PageMeta
from leads_api.validation.values import INT64_MAX

PARAMS, PAYLOAD, USER = "params", "payload", "user"
PER_REQUEST = (PARAMS, PAYLOAD, USER)
"""What a handler may ask for by these names: its checked query, its checked body, and whose key it is."""

_API = "/api/"
_MAX_PATH = 2048
_JSON_HEADERS = {"Content-Type": JSON}
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_PARAMETER = re.compile(r"\{([^}]*)\}")


def _plain(value: object) -> int:
    if isinstance(value, int):  # the driver has a class of its own for those of 64 bits
        return int(value)
    raise TypeError(f"{type(value)} has no form in JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


class Endpoint:
    """One handler, with the parts that it asks for."""

    def __init__(self, route: HTTPRoute, handler: HTTPRouteHandler, parts: Mapping[str, Any], inputs: Inputs) -> None:
        _refuse_hooks(handler)
        asked = signature(handler.fn).parameters
        self._handler = partial(handler.fn, **{name: parts[name] for name in asked if name in parts})
        self._path_parameters = _PARAMETER.findall(route.path_format)
        self._max_body_bytes = inputs.max_body_bytes
        self._takes_body = handler.http_methods != {"GET"}
        self._input: Input | None = inputs.of(*asked_for(handler)) if route.path_format.startswith(_API) else None
        self._given = [name for name in PER_REQUEST if name in asked]
        self._status = handler.status_code

    async def __call__(self, exchange: Exchange, ids: list[int]) -> None:
        """Answer. Raises what is wrong with the input, and what the handler raises."""
        given: dict[str, Any] = {}
        if self._input is not None:
            if exchange.user is None:  # nothing below /api is answered to someone unknown, however it was found
                raise Unauthorized
            raw = await exchange.body(self._max_body_bytes) if self._takes_body else b""
            content_type = exchange.headers.get(b"content-type", b"").decode("latin-1")
            params, payload = await self._input.read(exchange.query_string, content_type, raw)
            known = {PARAMS: params, PAYLOAD: payload, USER: exchange.user}
            given = {name: known[name] for name in self._given}
        given.update(zip(self._path_parameters, ids, strict=True))
        answer = await self._handler(**given)
        if isinstance(answer, Response):
            content, status, headers = answer.content, answer.status_code or self._status, answer.headers
            headers = {"Content-Type": answer.media_type or JSON, **headers}
        else:
            content, status, headers = answer, self._status, _JSON_HEADERS
        meta = getattr(content, "meta", None)
        if isinstance(meta, PageMeta | CursorMeta) and (following := meta.next_page()) is not None:
            headers = headers | {"Link": _next_page(exchange, following)}
        await exchange.reply(status, headers, content if isinstance(content, bytes) else _encode(content))


class Path:
    """One path, and what it can be asked for."""

    def __init__(self, methods: Mapping[str, Endpoint]) -> None:
        self._endpoints = dict(methods)
        if "GET" in methods:
            self._endpoints["HEAD"] = methods["GET"]
        self.allow = ", ".join(sorted({*self._endpoints, "OPTIONS"}))

    def endpoint(self, method: str) -> Endpoint:
        """Return what answers a method. Raises MethodNotAllowed."""
        if (endpoint := self._endpoints.get(method)) is None:
            raise MethodNotAllowed(self.allow)
        return endpoint


class Endpoints:
    """All paths, as a tree of their segments; `{}` stands for an id."""

    def __init__(self, routes: Iterable[BaseRoute], parts: Mapping[str, Any], inputs: Inputs) -> None:
        """`parts` are what handlers may ask for by name, besides `params`, `payload` and `user`."""
        self._root: dict[str, Any] = {}
        for route in routes:
            assert isinstance(route, HTTPRoute)
            methods: dict[str, Endpoint] = {
                method: Endpoint(route, handler, parts, inputs)
                for handler in route.route_handlers
                for method in handler.http_methods
                if method != "OPTIONS"
            }
            node = self._root
            for segment in _PARAMETER.sub("{}", route.path_format).split("/")[1:]:
                node = node.setdefault(segment, {})
            node["/"] = Path(methods)  # no segment can be named so

    def at(self, path: str) -> tuple[Path, list[int]]:
        """Return the path and the ids in it; a slash at its end does not count. Raises NotFound."""
        # Servers hand on what is no path, such as `*` with something behind it; whose key it is was not asked for then.
        if not path.startswith("/") or len(path) > _MAX_PATH:
            raise NotFound
        if path != "/":
            path = path.removesuffix("/")
        node, ids = self._root, []
        for segment in path.split("/")[1:]:
            if (below := node.get(segment)) is None or segment == "{}":
                below = node.get("{}")
                if below is None or not _ID.fullmatch(segment) or int(segment) > INT64_MAX:
                    raise NotFound
                ids.append(int(segment))
            node = below
        if (found := node.get("/")) is None:
            raise NotFound
        return found, ids


def _next_page(exchange: Exchange, following: Mapping[str, str]) -> str:
    """Return the link to the next page (RFC 8288), relative: what is in front of the service is not known here."""
    query = exchange.query_string.decode("latin-1")
    parameters = dict(parse_qsl(query, keep_blank_values=True)) | dict(following)
    return f'<{exchange.path}?{urlencode(parameters)}>; rel="next"'


def _refuse_hooks(handler: HTTPRouteHandler) -> None:
    """Raise TypeError if a handler relies on something of the framework that is not run here."""
    ignored = {
        "guards": handler.resolve_guards(),
        "before_request": handler.resolve_before_request(),
        "after_response": handler.resolve_after_response(),
        "middleware": handler.resolve_middleware(),
        "after_request": [layer.after_request for layer in handler.ownership_layers if layer.after_request],
    }
    if used := [name for name, hook in ignored.items() if hook]:
        raise TypeError(f"{handler}: {', '.join(used)} would not run; see app/leads_api/http/router.py")


def asked_for(handler: HTTPRouteHandler) -> tuple[Any, Any]:
    """Return the types of a handler's `params` and `payload`; None for what it does not take."""
    parameters = handler.parsed_fn_signature.parameters
    query, payload = parameters.get("params"), parameters.get("payload")
    return (query.annotation if query else None, payload.annotation if payload else None)
