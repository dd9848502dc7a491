"""What a request gives to its handler: query and body, checked together, so that all faults are told at once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from app.errors import BadRequest, Faults, Invalid, PayloadTooLarge, RequestTimeout
from app.web.bodies import read_body, read_query
from app.web.rules import Rule, rules_of
from app.web.values import NOT_RECOGNISED, add_fault

T = TypeVar("T")

Lookup = Callable[[Collection[Any]], Awaitable[Collection[Any]]]
"""Returns those of some ids or names that a request may use."""
DynamicRules = Callable[[], Awaitable[Mapping[str, Rule]]]
"""Returns the rules of fields that are settings, by name."""

_INPUT = "input"
_SHOWN_UNKNOWN = 100


class Changes(Generic[T]):
    """The fields of T that a PATCH sends: any subset, each as T would hold it; an absent field is not there."""

    __slots__ = ("given",)

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given


class Consistent(Struct, frozen=True):
    """A struct some of whose fields depend on each other."""

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Yield (field, text) of what does not fit together; a value is None where it had a fault of its own."""
        raise NotImplementedError


class Shape:
    """The rules of one struct."""

    def __init__(self, struct: type[Struct], defaults: dict[str, Any], *, partial: bool) -> None:
        rules = rules_of(struct, defaults)
        self.struct = struct
        self.partial = partial
        self.fields = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
        self.dynamic = next((rule for rule in rules.values() if rule.dynamic), None)
        self.rules = {name: rule for name, rule in rules.items() if not rule.dynamic}

    def check(self, members: dict[str, Any], dynamic: Mapping[str, Rule], faults: Faults) -> dict[str, Any]:
        """Return the values of the struct's fields; faults of any are added."""
        if self.partial and not members:
            faults["body"] = ["The body field must have at least one field to change."]
        values = self._check(self.rules, members, faults)
        if self.dynamic is not None:
            values[self.dynamic.name] = self._check(dynamic, members, faults)
        unknown = [name for name in members if name not in self.rules and name not in dynamic]
        for name in unknown[:_SHOWN_UNKNOWN]:
            add_fault(faults, name, NOT_RECOGNISED)
        if issubclass(self.struct, Consistent) and not self.partial:
            for name, text in self.struct.contradictions(values):
                add_fault(faults, name, text)
        return values

    def _check(self, rules: Mapping[str, Rule], members: dict[str, Any], faults: Faults) -> dict[str, Any]:
        if self.partial:
            return {name: rule.check(members[name], faults) for name, rule in rules.items() if name in members}
        return {
            name: rule.check(members[name], faults) if name in members else rule.absent(faults)
            for name, rule in rules.items()
        }

    def build(self, values: dict[str, Any]) -> Any:
        """Return the struct, or for a PATCH the changes to one."""
        named = {self.fields[name]: value for name, value in values.items()}
        return Changes(named) if self.partial else self.struct(**named)


class Nothing(Struct, frozen=True):
    """The query of an endpoint that takes none, or its body."""


class Inputs:
    """Reads and checks what the handlers ask for: parameters of the names `params` and `payload`, by their types."""

    def __init__(
        self,
        *,
        max_body_bytes: int,
        timeout: float,
        defaults: dict[str, Any],
        lookups: Mapping[str, Lookup],
        dynamic: Mapping[str, DynamicRules],
    ) -> None:
        """`timeout` is how many seconds a body may take to arrive; `lookups` answer references by kind."""
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout
        self._defaults = defaults
        self._lookups = lookups
        self._dynamic = dynamic
        self._shapes: dict[HTTPRouteHandler, tuple[Shape, Shape | None]] = {}

    async def before_request(self, request: Request[Any, Any, Any]) -> None:
        """Read and check; for Litestar's hook of this name. Raises what section 1 of the contract says, in order."""
        scope = request.scope
        handler = request.route_handler
        if (shapes := self._shapes.get(handler)) is None:
            shapes = self._shapes[handler] = self._shapes_of(handler)
        query_shape, body_shape = shapes
        faults: Faults = {}
        raw = b"" if scope["method"] in {"GET", "HEAD"} else await self._receive(request)
        members: dict[str, Any] = {}
        dynamic: Mapping[str, Rule] = {}
        if body_shape is not None:
            content_type = request.headers.get("content-type", "")
            members = read_body(raw, content_type, body_shape.rules)
            if body_shape.dynamic is not None:
                dynamic = await self._dynamic[str(body_shape.dynamic.dynamic)]()
        query = query_shape.check(read_query(scope["query_string"], faults), {}, faults)
        payload = None
        if body_shape is not None:
            values = body_shape.check(members, dynamic, faults)
            await self._check_references(body_shape, values, faults)
            if not faults:
                payload = body_shape.build(values)
        if faults:
            raise Invalid(faults)
        scope["state"][_INPUT] = (query_shape.build(query), payload)

    async def _receive(self, request: Request[Any, Any, Any]) -> bytes:
        limit = self._max_body_bytes
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise PayloadTooLarge(limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    event = await request.receive()
                    if event["type"] != "http.request":
                        raise BadRequest("The connection was closed before the request body had arrived.")
                    body += event.get("body", b"")
                    if len(body) > limit:
                        raise PayloadTooLarge(limit)
                    if not event.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise RequestTimeout from None

    async def _check_references(self, shape: Shape, values: dict[str, Any], faults: Faults) -> None:
        for name, rule in shape.rules.items():
            if rule.reference is None or values.get(name) is None:
                continue
            items = values[name] if rule.many else [values[name]]
            wanted = {item for item in items if item is not None}
            missing = wanted - set(await self._lookups[rule.reference](wanted)) if wanted else set()
            for position, item in enumerate(items):
                if item in missing:
                    add_fault(faults, f"{name}.{position}" if rule.many else name, rule.refusal)

    def _shapes_of(self, handler: HTTPRouteHandler) -> tuple[Shape, Shape | None]:
        query, payload = asked_for(handler)
        partial = payload is not None and getattr(payload, "__origin__", None) is Changes
        struct = payload.__args__[0] if partial else payload
        return (
            Shape(query or Nothing, self._defaults, partial=False),
            None if payload is None else Shape(struct, self._defaults, partial=partial),
        )


def asked_for(handler: HTTPRouteHandler) -> tuple[Any, Any]:
    """Return the types of a handler's `params` and `payload`; None for what it does not take."""
    parameters = handler.parsed_fn_signature.parameters
    query, payload = parameters.get("params"), parameters.get("payload")
    return (query.annotation if query else None, payload.annotation if payload else None)


def params_of(request: Request[Any, Any, Any]) -> Any:
    """Return the checked query; Litestar's dependency `params`."""
    return request.scope["state"][_INPUT][0]


def payload_of(request: Request[Any, Any, Any]) -> Any:
    """Return the checked body; Litestar's dependency `payload`."""
    return request.scope["state"][_INPUT][1]
