"""Rules: the validation of each field of a request, derived from the annotations of its struct.

The same annotations produce the schema in the OpenAPI document.
"""

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct, UnsetType

from leads_api.errors import Faults
from leads_api.validation.values import (
    INT64_MAX,
    INT64_MIN,
    NOT_SELECTABLE,
    REQUIRED,
    Convert,
    Wrong,
    add_fault,
    choice,
    flag,
    integer,
    is_blank,
    pattern,
    text,
)


class Rule(Struct, frozen=True, kw_only=True):
    """The validation of one field."""

    name: str
    convert: Convert
    required: bool = False
    missing: str = REQUIRED
    default: Any = None
    """The value of an absent field that is not required."""
    blank: Any = None
    """The value of a field that is null or blank and not required."""
    many: bool = False
    """Whether the field is an array. Each item is converted; its faults have keys like `name.0`."""
    min_items: int = 0
    max_items: int = 100
    reference: str | None = None
    """The kind of the lookup that must return the value, or each item."""
    items: type[Struct] | None = None
    """The struct of the bodies that the field is an array of. Each is checked on its own (`Item`)."""
    same_as: str | None = None
    """The parameter in the path that says the same, if the path has it."""
    refusal: str = NOT_SELECTABLE
    """The text of the fault if the lookup does not return the value."""
    other_than: str | None = None
    """The parameter of the path whose id no item must be."""
    dynamic: str | None = None
    """The name of a provider of rules; the field stands for all fields of that provider."""

    def check(self, value: object, faults: Faults) -> Any:
        """Return the converted value; if it is invalid, add a fault and return None."""
        if is_blank(value):
            return self.blank if not self.required else self._miss(faults)
        if self.many:
            return self._check_items(value, faults)
        try:
            return self.convert(value)
        except Wrong as wrong:
            add_fault(faults, self.name, wrong.text)
            return None

    def absent(self, faults: Faults) -> Any:
        """Return the default of an absent field; if the field is required, add a fault and return None."""
        return self.default if not self.required else self._miss(faults)

    def _miss(self, faults: Faults) -> None:
        add_fault(faults, self.name, self.missing)

    def _check_items(self, value: object, faults: Faults) -> list[Any] | None:
        if type(value) is not list:
            add_fault(faults, self.name, "The {} field must be an array.")
            return None
        if len(value) < self.min_items:
            self._miss(faults)
            return None
        if len(value) > self.max_items:
            add_fault(faults, self.name, f"The {{}} field must not have more than {self.max_items} items.")
            return None
        converted = []
        for position, item in enumerate(value):
            key = f"{self.name}.{position}"
            try:
                if is_blank(item):
                    raise Wrong(REQUIRED)
                converted.append(self.convert(item))
            except Wrong as wrong:
                add_fault(faults, key, wrong.text)
                converted.append(None)
        return converted


def rules_of(struct: type[Struct], defaults: dict[str, Any]) -> dict[str, Rule]:
    """Return the rules of a struct's fields by name; `defaults` replace the struct's defaults."""
    return {
        field.encode_name: _rule(
            field, field.default if field.default is None else defaults.get(field.encode_name, field.default)
        )
        for field in msgspec.structs.fields(struct)
    }


def _rule(field: msgspec.structs.FieldInfo, default: Any) -> Rule:
    annotation, meta, nullable = _unwrapped(field.type)
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    required = default is NODEFAULT
    common: dict[str, Any] = {"name": field.encode_name, "required": required}
    if not required:
        common |= {"default": default, "blank": None if nullable else default}
    extra = {key: value for part in meta for key, value in (part.extra or {}).items()}
    names = ("reference", "refusal", "missing", "items", "same_as", "other_than")
    common |= {key: extra[key] for key in names if key in extra}
    if "dynamic" in extra:
        return Rule(**common, dynamic=extra["dynamic"], convert=_never)
    if get_origin(annotation) is list and "convert" not in extra:
        (item,) = get_args(annotation)
        for part in meta:
            common |= {"min_items": part.min_length} if part.min_length is not None else {}
            common |= {"max_items": part.max_length} if part.max_length is not None else {}
        return Rule(**common, convert=converter(item), many=True)
    return Rule(**common, convert=converter(field.type))


def converter(annotation: Any) -> Convert:
    """Return the conversion of a single value."""
    inner, meta, _ = _unwrapped(annotation)
    converts = [part.extra["convert"] for part in meta if part.extra and "convert" in part.extra]
    return converts[0] if converts else _plain(inner, meta)


def _never(value: object) -> object:
    raise AssertionError(value)


def _unwrapped(annotation: Any) -> tuple[Any, list[Meta], bool]:
    """Return the type inside `Annotated` and `| None`, all Meta found on the way, and whether None is allowed."""
    meta: list[Meta] = []
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            meta += [part for part in annotation.__metadata__ if isinstance(part, Meta)]
            annotation = annotation.__origin__
        elif get_origin(annotation) in {Union, UnionType}:
            nullable = nullable or type(None) in get_args(annotation)
            (annotation,) = (part for part in get_args(annotation) if part not in {type(None), UnsetType})
        else:
            return annotation, meta, nullable


def _plain(annotation: Any, meta: list[Meta]) -> Convert:
    def bound(name: str, otherwise: int) -> int:
        return next((value for part in meta if (value := getattr(part, name)) is not None), otherwise)

    if get_origin(annotation) is Literal:
        return choice(get_args(annotation))
    if annotation is int:
        return integer(bound("ge", INT64_MIN), bound("le", INT64_MAX))
    if annotation is bool:
        return flag
    if annotation is str:
        expression = next((part.pattern for part in meta if part.pattern), None)
        longest = bound("max_length", 0)
        return pattern(expression, longest) if expression else text(longest)
    raise TypeError(f"no rule for {annotation}")
