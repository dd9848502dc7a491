"""Reads and validates query and body of a request together, so that one response reports all validation errors."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from leads_api.errors import Faults, Invalid
from leads_api.folding import composed
from leads_api.validation.bodies import MAX_FIELDS, TOO_MANY_FIELDS, read_body, read_query
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


class Changes(Generic[T]):
    """The fields of T that a PATCH sends, converted as in T. `given` has no entries for absent fields."""

    __slots__ = ("_complete", "given")

    def __init__(self, given: dict[str, Any], complete: Callable[[Faults], dict[str, Any]]) -> None:
        """`complete` returns what `whole` returns, and adds the faults of absent fields."""
        self.given = given
        self._complete = complete

    def whole(self) -> dict[str, Any]:
        """Return all fields of T: those that were sent, and the defaults of the others.

        Raises Invalid if a required one is absent.
        """
        faults: Faults = {}
        values = self._complete(faults)
        if faults:
            raise Invalid(faults)
        return values


class Item(Changes[T]):
    """One of several bodies in a request. Its faults do not make the request fail."""

    __slots__ = ("faults",)

    def __init__(self, given: dict[str, Any], complete: Callable[[Faults], dict[str, Any]], faults: Faults) -> None:
        """`faults` are those of what was sent."""
        super().__init__(given, complete)
        self.faults = faults

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent. Raises Invalid."""
        if self.faults:
            raise Invalid(self.faults)
        return self.given

    def whole(self) -> dict[str, Any]:
        """Return all fields of T. Raises Invalid, also if a required one is absent."""
        faults = dict(self.faults)
        values = self._complete(faults)
        if faults:
            raise Invalid(faults)
        return values


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
        self.references = [rule for rule in self.rules.values() if rule.reference]
        self.items = {
            name: Shape(rule.items, defaults, partial=True) for name, rule in self.rules.items() if rule.items
        }

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

    def build(self, values: dict[str, Any], dynamic: Mapping[str, Rule]) -> Any:
        """Return the struct, or Changes for a PATCH."""
        named = self._named(values)
        return Changes(named, partial(self._completed, values, dynamic)) if self.partial else self.struct(**named)

    def item(self, values: dict[str, Any], dynamic: Mapping[str, Rule], faults: Faults) -> Item[Any]:
        """Return a body that is one of several."""
        return Item(self._named(values), partial(self._completed, values, dynamic), faults)

    def _completed(self, values: dict[str, Any], dynamic: Mapping[str, Rule], faults: Faults) -> dict[str, Any]:
        whole = {name: values[name] if name in values else rule.absent(faults) for name, rule in self.rules.items()}
        if self.dynamic is not None:
            given = values[self.dynamic.name]
            whole[self.dynamic.name] = {
                name: given[name] if name in given else rule.absent(faults) for name, rule in dynamic.items()
            }
        return self._named(whole)

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {self.fields[name]: value for name, value in values.items()}


def _unreadable(body: object) -> str | None:
    """Return why something cannot be read as one of several bodies; None if it can."""
    if type(body) is not dict:
        return "The body field must be an object."
    return TOO_MANY_FIELDS if len(body) > MAX_FIELDS else None


def _tell_missing(rule: Rule, value: Any, missing: set[Any], faults: Faults) -> None:
    """Add a fault for each reference in a field's value that is among the missing ones."""
    if value is None:
        return
    for position, item in enumerate(value if rule.many else [value]):
        if item in missing:
            add_fault(faults, f"{rule.name}.{position}" if rule.many else rule.name, rule.refusal)


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

    def of(self, query: Any, payload: Any, path: Collection[str] = ()) -> "Input":
        """Return the Input of an endpoint from the types of its query and body; None if it has no query or no body.

        `path` has the names of the parameters in its path.
        """
        is_partial = payload is not None and getattr(payload, "__origin__", None) is Changes
        struct = payload.__args__[0] if is_partial else payload
        return Input(
            self,
            query=Shape(query or Nothing, self._defaults, partial=False),
            body=None if payload is None else Shape(struct, self._defaults, partial=is_partial),
            path=path,
        )

    async def check(
        self, shape: Shape, bodies: Sequence[tuple[dict[str, Any], Faults]]
    ) -> tuple[list[dict[str, Any]], Mapping[str, Rule]]:
        """Return the converted values of bodies of one kind, and the rules of its dynamic fields; add their faults."""
        values, rules = await self._check_fields(shape, bodies)
        for rule in shape.references:
            wanted: set[Any] = set()
            for each in values:
                if (value := each.get(rule.name)) is not None:
                    wanted.update(value if rule.many else (value,))
            wanted.discard(None)
            if wanted and (missing := wanted - set(await self.lookups[str(rule.reference)](wanted))):
                for each, (_, faults) in zip(values, bodies, strict=True):
                    _tell_missing(rule, each.get(rule.name), missing, faults)
        return values, rules

    async def items(self, shape: Shape, bodies: Sequence[Any]) -> list[Item[Any]]:
        """Return bodies of one kind, each with its faults."""
        refused = [Faults(body=[text]) if (text := _unreadable(body)) else None for body in bodies]
        read = [(body, Faults()) for body, fault in zip(bodies, refused, strict=True) if fault is None]
        checked, rules = await self.check(shape, read)
        for members, faults in read:
            if not members:  # for a new record, this is told by its required fields
                del faults["body"]
        items = iter([shape.item(values, rules, faults) for values, (_, faults) in zip(checked, read, strict=True)])
        return [next(items) if faults is None else Item({}, lambda _: {}, faults) for faults in refused]

    async def _check_fields(
        self, shape: Shape, bodies: Sequence[tuple[dict[str, Any], Faults]]
    ) -> tuple[list[dict[str, Any]], Mapping[str, Rule]]:
        if shape.dynamic is None:
            return [shape.check(members, {}, faults) for members, faults in bodies], {}
        dynamic = self.dynamic[str(shape.dynamic.dynamic)]
        rules, found = await dynamic(), [Faults() for _ in bodies]
        values = [shape.check(body[0], rules, faults) for body, faults in zip(bodies, found, strict=True)]
        if any(found):
            # Another process may just have made the field, enabled it or given it another option.
            doubtful = any(name not in shape.rules for faults in found for name in faults)
            if doubtful and (newer := await dynamic(anew=True)) is not rules:
                rules, found = newer, [Faults() for _ in bodies]
                values = [shape.check(body[0], rules, faults) for body, faults in zip(bodies, found, strict=True)]
            for (_, faults), more in zip(bodies, found, strict=True):
                for name, texts in more.items():
                    faults.setdefault(name, []).extend(texts)
        return values, rules


class Input:
    """Reads and validates the query and the body of one endpoint."""

    def __init__(self, inputs: Inputs, *, query: Shape, body: Shape | None, path: Collection[str]) -> None:
        """`path` has the names of the parameters in the path."""
        self._inputs = inputs
        self._query = query
        self._body = body
        faults: Faults = {}
        values = query.check({}, {}, faults)
        self._empty_query = None if faults else query.build(values, {})
        self._same = [rule for rule in body.rules.values() if rule.same_as in path] if body else []
        self._other = [rule for rule in body.rules.values() if rule.other_than in path] if body else []

    async def read(
        self,
        query_string: bytes,
        raw: bytes,
        *,
        path: Mapping[str, Any],
        content_type: str = "",
        content_encoding: str = "",
        faults: Faults | None = None,
    ) -> tuple[Any, Any]:
        """Return the validated query and body. `path` has the parameters in the path.

        `faults` are those of the request's headers. Raises UnsupportedMediaType, BadRequest and Invalid, in the order
        of the contract (section 1).
        """
        faults = {} if faults is None else faults
        members: dict[str, Any] = {}
        if self._body is not None:
            forms = not self._body.items
            members = read_body(raw, content_type, content_encoding, self._body.rules, faults, forms=forms)
        query = self._empty_query
        if query_string or query is None:
            parameters = self._query.check(read_query(query_string, faults), {}, faults)
            query = None if faults else self._query.build(parameters, {})
        payload = None
        if self._body is not None:
            payload = await self._read_fields(self._body, members, path, faults)
        if faults:
            raise Invalid(faults)
        return query, payload

    async def _read_fields(self, body: Shape, members: dict[str, Any], path: Mapping[str, Any], faults: Faults) -> Any:
        found = Faults()
        (values,), rules = await self._inputs.check(body, [(members, found)])
        for name, shape in body.items.items():
            values[name] = values[name] and await self._inputs.items(shape, values[name])
        for rule in self._same:
            _check_same(rule, values, path[str(rule.same_as)], found, clears=body.partial)
        for rule in self._other:
            _check_other(rule, values, path[str(rule.other_than)], found)
        for name, texts in found.items():
            faults.setdefault(name, []).extend(texts)
        return None if faults else body.build(values, rules)


def _check_same(rule: Rule, values: dict[str, Any], said: str, faults: Faults, *, clears: bool) -> None:
    """Add a fault if a field says something else than the path. With `clears`, null is something else, too."""
    value = values.get(rule.name, said)
    if rule.name in faults or (value is None and not clears):
        return
    if value is None or composed(value) != composed(said):
        add_fault(faults, rule.name, "The {} field must be the same as in the path, or be left out.")


def _check_other(rule: Rule, values: dict[str, Any], said: int, faults: Faults) -> None:
    """Add a fault for each item that is the record of the path, unless it has one because there is no such record."""
    for position, item in enumerate(values.get(rule.name) or ()):
        key = f"{rule.name}.{position}"
        if item == said and key not in faults:
            add_fault(faults, key, rule.refusal)
