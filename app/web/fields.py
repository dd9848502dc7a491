"""Fields of a query or a body: one rule each, which converts what was sent or says what is wrong with it.

The struct of a request says which fields there are; its annotations become rules here, and the schema in the OpenAPI
document. Texts: contract, section 1.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct, UnsetType

from app.errors import Faults

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
MAX_CENTS = 9_999_999_999
MAX_LIMIT = 100
_NUMBER_LENGTH = 100

_INTEGER = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT_SCHEMA = {
    "type": "string",
    "format": "date or date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?$",
}
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CENT = Decimal("0.01")


class Wrong(Exception):  # noqa: N818 - read as "this is wrong: ..."
    """What is wrong with a value; `{}` in the text stands for the field's name."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


NOT_ALLOWED = "The {} field contains characters that are not allowed."
NOT_RECOGNISED = "The {} field is not recognised."
NOT_SELECTABLE = "The selected {} is invalid."
REQUIRED = "The {} field is required."
TAKEN = "The {} has already been taken."

Convert = Callable[[object], Any]
"""Turns a value that is not blank into what the struct holds, or raises Wrong."""


def label(name: str) -> str:
    """Return how a text calls a field: its name with spaces."""
    return name.replace("_", " ")


def add_fault(faults: Faults, name: str, text: str) -> None:
    """Add a text about a field."""
    faults.setdefault(name, []).append(text.replace("{}", label(name)))


def is_blank(value: object) -> bool:
    """Tell whether a value counts as empty: null, or a string of nothing but white space."""
    if value is None:
        return True
    # Python counts some control characters as white space; they are for the rule to refuse.
    return type(value) is str and (not value or (value.isspace() and not _CONTROL.search(value)))


class Rule(Struct, frozen=True, kw_only=True):
    """What holds for one field."""

    name: str
    convert: Convert
    required: bool = False
    missing: str = REQUIRED
    default: Any = None
    """What an absent field means, unless it is required."""
    blank: Any = None
    """What null or a blank string means, unless the field is required."""
    many: bool = False
    """An array: each item is converted, and keyed `name.0`."""
    min_items: int = 0
    max_items: int = 100
    reference: str | None = None
    """The kind of lookup that must know the value, or each item."""
    refusal: str = NOT_SELECTABLE
    """What is said of a value that the lookup of its kind does not return."""
    dynamic: str | None = None
    """The field stands for all fields that this provider of rules names."""

    def check(self, value: object, faults: Faults) -> Any:
        """Return the converted value; a fault is added, and None returned, if there is none."""
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
        """Return what it means that the field was not sent."""
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


def text(maximum: int) -> Callable[[object], str]:
    """Text, trimmed, of so many characters at most; tab, line feed and carriage return are the only controls."""

    def convert(value: object) -> str:
        if type(value) is not str:
            raise Wrong("The {} field must be a string.")
        if _CONTROL.search(value):
            raise Wrong(NOT_ALLOWED)
        trimmed = value.strip()
        if len(trimmed) > maximum:
            raise Wrong(f"The {{}} field must not be greater than {maximum} characters.")
        return trimmed

    return convert


def email(maximum: int) -> Callable[[object], str]:
    """An e-mail address: one `@`, no white space, a domain with a dot; other letters than ASCII's are welcome."""
    as_text = text(maximum)

    def convert(value: object) -> str:
        address = as_text(value)
        if not _EMAIL.fullmatch(address) or not address.isprintable():
            raise Wrong("The {} field must be a valid email address.")
        return address

    return convert


def integer(minimum: int = INT64_MIN, maximum: int = INT64_MAX) -> Callable[[object], int]:
    """A JSON integer or its decimal digits as a string, within 64 bits and the bounds."""

    def convert(value: object) -> int:
        if type(value) is str and _INTEGER.fullmatch(value):
            value = int(value)
        if type(value) is not int or not INT64_MIN <= value <= INT64_MAX:
            raise Wrong("The {} field must be an integer.")
        if value < minimum:
            raise Wrong(f"The {{}} field must be at least {minimum}.")
        if value > maximum:
            raise Wrong(f"The {{}} field must not be greater than {maximum}.")
        return value

    return convert


def cents(minimum: int, maximum: int) -> Callable[[object], int]:
    """A JSON number or its plain decimal notation, rounded half-up from the decimal as written; held in cents."""
    low, high = Decimal(minimum) / 100, Decimal(maximum) / 100

    def convert(value: object) -> int:
        number = _decimal(value)
        signed = type(value) is str and value.startswith("-")
        if number < low or (signed and minimum == 0):  # the sign is looked at before rounding: -0.001 is negative
            raise Wrong(f"The {{}} field must be at least {low if minimum else 0}.")
        # Compared before it is rounded as well: quantizing cannot hold 1e400.
        if number > high + 1 or (rounded := number.quantize(_CENT, ROUND_HALF_UP)) > high:
            raise Wrong(f"The {{}} field must not be greater than {high}.")
        return int(rounded * 100)

    return convert


def _decimal(value: object) -> Decimal:
    if type(value) is Decimal and value.is_finite():
        return value
    if type(value) is int or (type(value) is str and len(value) <= _NUMBER_LENGTH and _NUMBER.fullmatch(value)):
        return Decimal(value)
    raise Wrong("The {} field must be a number.")


def shown_cents(amount: int) -> str:
    """Return cents as the contract shows money: `"2500.00"`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"


def calendar_date(value: object) -> str:
    """A date, `YYYY-MM-DD` and nothing else."""
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise Wrong("The {} field must be a valid date.")


def moment(*, end: bool) -> Callable[[object], datetime]:
    """A date or a timestamp: the first whole millisecond at or after it, or (`end`) the last that it includes."""

    def convert(value: object) -> datetime:
        if type(value) is str and _DATE.fullmatch(value):
            day = datetime.fromisoformat(calendar_date(value)).replace(tzinfo=UTC)
            # Not "plus a day, minus a millisecond": 9999-12-31 has no next day.
            return day.replace(hour=23, minute=59, second=59, microsecond=999_000) if end else day
        try:
            if type(value) is not str or not _TIMESTAMP.fullmatch(value):
                raise ValueError
            at = datetime.fromisoformat(value).astimezone(UTC)
            whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
            return whole if end or whole == at else whole + timedelta(milliseconds=1)
        except (ValueError, OverflowError):
            raise Wrong("The {} field must be a valid date.") from None

    return convert


BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def flag(value: object) -> bool:
    """True or false; as a string also 1/0, yes/no, on/off."""
    if type(value) is bool:
        return value
    if type(value) is str and value in BOOLEANS:
        return BOOLEANS[value]
    raise Wrong("The {} field must be true or false.")


def choice(options: Sequence[str]) -> Callable[[object], str]:
    """One of the options, to the letter."""

    def convert(value: object) -> str:
        if type(value) is not str or value not in options:
            raise Wrong(NOT_SELECTABLE)
        return value

    return convert


def pattern(expression: str, maximum: int) -> Callable[[object], str]:
    """A name of a fixed form."""
    as_text, compiled = text(maximum), re.compile(expression, re.ASCII)

    def convert(value: object) -> str:
        name = as_text(value)
        if not compiled.fullmatch(name):
            raise Wrong(NOT_ALLOWED)
        return name

    return convert


def ids(value: object) -> list[int]:
    """One id, or several as `1,3`."""
    one = integer(minimum=1)
    if type(value) is not str:
        raise Wrong("The {} field must be an integer.")
    parts = value.split(",")
    if len(parts) > MAX_LIMIT:
        raise Wrong(f"The {{}} field must not have more than {MAX_LIMIT} items.")
    return [one(part) for part in parts]


def page_limit(value: object) -> int:
    """Records on a page; more than 100 are capped to 100."""
    return min(integer(minimum=1)(value), MAX_LIMIT)


def search_words(value: object) -> str:
    """Words to search for; bounded, so that a query stays one."""
    return text(250)(value)


# Annotations that requests are declared with: what OpenAPI shows, and the rule.


def _kind(convert: Convert, schema: dict[str, Any], description: str | None = None) -> Meta:
    """Give a field its own rule; `schema` is what is sent, where the type is what it is held as."""
    return Meta(description=description, extra={"convert": convert}, extra_json_schema={"sent": schema})


Email = Annotated[str, _kind(email(150), {"type": "string", "format": "email", "maxLength": 150})]
Money = Annotated[
    int,
    _kind(
        cents(0, MAX_CENTS),
        {"type": ["number", "string"], "minimum": 0, "maximum": 99999999.99, "pattern": r"^[0-9]+(\.[0-9]+)?$"},
        "Rounded half-up to cents.",
    ),
]
Date = Annotated[str, _kind(calendar_date, {"type": "string", "format": "date"})]
From = Annotated[
    datetime,
    _kind(
        moment(end=False),
        _MOMENT_SCHEMA,
        "A date or a timestamp, inclusive.",
    ),
]
Until = Annotated[
    datetime,
    _kind(
        moment(end=True),
        _MOMENT_SCHEMA,
        "A date (its whole day) or a timestamp, inclusive.",
    ),
]
Ids = Annotated[
    list[int],
    _kind(
        ids,
        {"type": "string", "pattern": "^[1-9][0-9]{0,17}(,[1-9][0-9]{0,17})*$", "maxLength": 1900},
        "One id, or several: 1,3",
    ),
]
Id = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Page = Annotated[int, Meta(ge=1, le=INT64_MAX, description="From 1.")]
Limit = Annotated[
    int,
    _kind(
        page_limit,
        {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
        "Records on a page; more than 100 are capped to 100.",
    ),
]
Words = Annotated[
    str,
    _kind(
        search_words, {"type": "string", "maxLength": 250}, "Every word must occur, in any case and with any accents."
    ),
]


def rules_of(struct: type[Struct], defaults: dict[str, Any]) -> dict[str, Rule]:
    """Return the rules of a struct's fields by name; `defaults` overrides what the struct says."""
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
    common |= {key: extra[key] for key in ("reference", "refusal", "missing") if key in extra}
    if "dynamic" in extra:
        return Rule(**common, dynamic=extra["dynamic"], convert=_never)
    if "convert" in extra:
        return Rule(**common, convert=extra["convert"])
    if get_origin(annotation) is list:
        (item,) = get_args(annotation)
        inner, inner_meta, _ = _unwrapped(item)
        converts = [part.extra["convert"] for part in inner_meta if part.extra and "convert" in part.extra]
        convert = converts[0] if converts else _plain(inner, inner_meta)
        for part in meta:
            common |= {"min_items": part.min_length} if part.min_length is not None else {}
            common |= {"max_items": part.max_length} if part.max_length is not None else {}
        return Rule(**common, convert=convert, many=True)
    return Rule(**common, convert=_plain(annotation, meta))


def _never(value: object) -> object:
    raise AssertionError(value)


def _unwrapped(annotation: Any) -> tuple[Any, list[Meta], bool]:
    """Return the type behind `Annotated` and `| None`, all Meta on the way, and whether None is one of the types."""
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
