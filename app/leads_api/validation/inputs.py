"""Reads and validates query and body of a request together, so that one response reports all validation errors."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from leads_api.errors import Faults, Invalid
from leads_api.validation.bodies import read_body, read_query
from leads_api.validation.rules import Rule, rules_of
from leads_api.validation.values import NOT_RECOGNISED, add_fault

T = TypeVar("T")

Lookup = Callable[[Collection[Any]], Awaitable[Collection[Any]]]
"""Returns the subset of the given ids or names that a request may use."""


class DynamicRules(Protocol):
    """Provides the rules of fields that settings define (custom fields)."""

    async def __call__(self, *, anew: bool = False) -> Mapping[str, Rule]:
        """Return the rules by name. `anew` looks up settings that may be newer than cached ones."""
        ...


_SHOWN_UNKNOWN = 100
_NO_PARAMETERS: Mapping[str, Any] = {}


class Changes(Generic[T]):
    """The fields of T that a PATCH sends, converted as in T. `given` has no entries for absent fields."""

    __slots__ = ("given",)

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given


class Consistent(Struct, frozen=True):
    """Base of structs with fields that depend on each other."""

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Yield (field, text) for each contradiction. A value is None if its field has a fault."""
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
        """Return the converted values of the fields; add their faults."""
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
        """Return the struct, or Changes for a PATCH."""
        named = {self.fields[name]: value for name, value in values.items()}
        return Changes(named) if self.partial else self.struct(**named)


class Nothing(Struct, frozen=True):
    """The query of an endpoint without parameters."""


class Inputs:
    """Builds the Input of each handler."""

    def __init__(
        self,
        *,
        max_body_bytes: int,
        defaults: dict[str, Any],
        lookups: Mapping[str, Lookup],
        dynamic: Mapping[str, DynamicRules],
    ) -> None:
        """`lookups` resolve references, by kind; `dynamic` provides rules, by the name of the provider.

        `defaults` replace the defaults of fields, by name.
        """
        self.max_body_bytes = max_body_bytes
        self.lookups = lookups
        self.dynamic = dynamic
        self._defaults = defaults

    def of(self, query: Any, payload: Any) -> "Input":
        """Return the Input of an endpoint from the types of its query and body; None if it has no query or no body."""
        partial = payload is not None and getattr(payload, "__origin__", None) is Changes
        struct = payload.__args__[0] if partial else payload
        return Input(
            self,
            query=Shape(query or Nothing, self._defaults, partial=False),
            body=None if payload is None else Shape(struct, self._defaults, partial=partial),
        )


class Input:
    """Reads and validates the query and the body of one endpoint."""

    def __init__(self, inputs: Inputs, *, query: Shape, body: Shape | None) -> None:
        self._inputs = inputs
        self._query = query
        self._body = body
        faults: Faults = {}
        values = query.check({}, {}, faults)
        self._empty_query = None if faults else query.build(values)
        self._references = [rule for rule in body.rules.values() if rule.reference] if body else []

    async def read(
        self,
        query_string: bytes,
        raw: bytes,
        *,
        content_type: str = "",
        content_encoding: str = "",
        path: Mapping[str, Any] = _NO_PARAMETERS,
        faults: Faults | None = None,
    ) -> tuple[Any, Any]:
        """Return the validated query and body. `path` has the parameters of the path, `faults` are those of headers.

        Raises UnsupportedMediaType, BadRequest and Invalid, in the order of the contract (section 1).
        """
        faults = {} if faults is None else faults
        members: dict[str, Any] = {}
        if self._body is not None:
            members = read_body(raw, content_type, content_encoding, self._body.rules, faults)
        query = self._empty_query
        if query_string or query is None:
            parameters = self._query.check(read_query(query_string, faults), {}, faults)
            query = None if faults else self._query.build(parameters)
        payload = None
        if self._body is not None:
            values = await self._check_body(self._body, members, faults)
            await self._check_references(values, path, faults)
            if not faults:
                payload = self._body.build(values)
        if faults:
            raise Invalid(faults)
        return query, payload

    async def _check_body(self, body: Shape, members: dict[str, Any], faults: Faults) -> dict[str, Any]:
        if body.dynamic is None:
            return body.check(members, {}, faults)
        dynamic = self._inputs.dynamic[str(body.dynamic.dynamic)]
        rules, found = await dynamic(), Faults()
        values = body.check(members, rules, found)
        # Another process may just have made the field, enabled it or given it another option.
        if any(name not in body.rules for name in found) and (newer := await dynamic(anew=True)) is not rules:
            found = Faults()
            values = body.check(members, newer, found)
        for name, texts in found.items():
            for text in texts:
                faults.setdefault(name, []).append(text)
        return values

    async def _check_references(self, values: dict[str, Any], path: Mapping[str, Any], faults: Faults) -> None:
        for rule in self._references:
            value = values.get(rule.name)
            if value is None:
                continue
            items = value if rule.many else [value]
            wanted = {item for item in items if item is not None}
            missing = wanted - set(await self._inputs.lookups[str(rule.reference)](wanted)) if wanted else set()
            missing.add(path.get(rule.other_than or ""))
            for position, item in enumerate(items):
                if item is not None and item in missing:
                    add_fault(faults, f"{rule.name}.{position}" if rule.many else rule.name, rule.refusal)
