"""Converters: each turns one value of a query or body into its stored form, or raises Wrong with the reason.

The error texts are from the contract, section 1.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from leads_api.errors import Faults
from leads_api.folding import LEAST_PHONE_DIGITS, phone_digits

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
MAX_CENTS = 9_999_999_999
MAX_LIMIT = 100
_NUMBER_LENGTH = 100
SHOWN_NAME = 100
"""How many characters of an unknown name an error repeats."""

_INTEGER = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(?:(:[0-9]{2})(?:(\.[0-9]{1,6})[0-9]{0,3})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})",
    re.ASCII,
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9\x80-\U0010ffff-]+(?<!-)")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
# What most addresses are; the parts are short enough where the whole is.
_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)+"
)
_MAX_LOCAL, _MAX_LABEL = 64, 63
"""Bytes of the local part of an e-mail address and of each domain label (RFC 5321, 4.5.3.1; RFC 1035)."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CENT = Decimal("0.01")


class Wrong(Exception):  # noqa: N818 - read as "this is wrong: ..."
    """A value is invalid. `{}` in the text stands for the field's name."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


NOT_ALLOWED = "The {} field contains characters that are not allowed."
NOT_RECOGNISED = "The {} field is not recognised."
NOT_SELECTABLE = "The selected {} is invalid."
REQUIRED = "The {} field is required."
TAKEN = "The {} has already been taken."

Convert = Callable[[object], Any]
"""Converts a value that is not blank to the type of the struct's field, or raises Wrong."""


@lru_cache(1024)
def label(name: str) -> str:
    """Return the name of a field as texts show it: with spaces for underscores, unless it has no letters."""
    return name.replace("_", " ") if any(map(str.isalpha, name)) else name


def add_fault(faults: Faults, name: str, text: str) -> None:
    """Add a fault of a field. A name that the caller has made up is truncated."""
    name = name[:SHOWN_NAME]
    faults.setdefault(name, []).append(text.replace("{}", label(name)))


def is_blank(value: object) -> bool:
    """Return whether a value counts as empty: null, or a string of white space only."""
    if value is None:
        return True
    # Python counts some control characters as white space. They are not blank here, so that the rule refuses them.
    return type(value) is str and (not value or (value.isspace() and not _CONTROL.search(value)))


def text(maximum: int) -> Callable[[object], str]:
    """Text of at most `maximum` characters, trimmed; the only control characters allowed are tab, LF and CR."""

    def convert(value: object) -> str:
        if type(value) is not str:
            raise Wrong("The {} field must be a string.")
        if _CONTROL.search(value):
            raise Wrong(NOT_ALLOWED)
        trimmed = value.strip()
        if _length(trimmed) > maximum:
            raise Wrong(f"The {{}} field must not be greater than {maximum} characters.")
        return trimmed

    return convert


def _length(text: str) -> int:
    """Return the number of characters of the NFC form."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFC", text))


def segment(maximum: int) -> Callable[[object], str]:
    """Text that can stand in a path. Clients and gateways resolve `.` and `..`, even if they are percent-encoded."""
    as_text = text(maximum)

    def convert(value: object) -> str:
        name = as_text(value)
        if name in {".", ".."}:
            raise Wrong("The {} field must not be . or .., which mean something else in a path.")
        return name

    return convert


def email(maximum: int) -> Callable[[object], str]:
    """A mailbox (RFC 5321) without quotes and comments; letters and digits of all scripts are allowed (RFC 6531)."""
    as_text = text(maximum)

    def convert(value: object) -> str:
        address = as_text(value)
        if len(address) <= _MAX_LOCAL and _PLAIN_EMAIL.fullmatch(address):
            return address
        local, at, domain = unicodedata.normalize("NFC", address).partition("@")
        if not at or not _is_local_part(local) or not _is_domain(domain):
            raise Wrong("The {} field must be a valid email address.")
        return address

    return convert


def phone(maximum: int) -> Callable[[object], str]:
    """The digits of a phone number, as they are compared."""
    as_text = text(maximum)

    def convert(value: object) -> str:
        digits = phone_digits(as_text(value))
        if digits is None:
            raise Wrong(f"The {{}} field must have at least {LEAST_PHONE_DIGITS} digits.")
        return digits

    return convert


def _is_local_part(local: str) -> bool:
    """Return whether it is a dot-atom: atoms separated by single dots."""
    return len(local.encode()) <= _MAX_LOCAL and _DOT_ATOM.fullmatch(local) is not None and _are_letters(local)


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    # Compatibility forms such as full-width letters are other spellings of a domain (RFC 5892, 2.2). They are refused,
    # so that an address is unique.
    usual = unicodedata.normalize("NFKC", domain) == domain
    return len(labels) > 1 and usual and all(map(_is_label, labels))


def _is_label(label: str) -> bool:
    return len(label.encode()) <= _MAX_LABEL and _LABEL.fullmatch(label) is not None and _are_letters(label)


def _are_letters(text: str) -> bool:
    """Return whether all signs beyond ASCII are letters, digits or combining marks, of any script."""
    return all(unicodedata.category(sign)[0] in "LM" or sign.isdecimal() for sign in _BEYOND_ASCII.findall(text))


def integer(minimum: int = INT64_MIN, maximum: int = INT64_MAX) -> Callable[[object], int]:
    """A JSON integer, or its decimal digits as a string, within 64 bits and the bounds."""

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
    """A JSON number or a plain decimal string, rounded half-up from its decimal notation; the result is in cents."""
    low, high = Decimal(minimum) / 100, Decimal(maximum) / 100

    def convert(value: object) -> int:
        number = _decimal(value)
        signed = type(value) is str and value.startswith("-")
        if number < low or (signed and minimum == 0):  # checked before rounding: -0.001 is negative
            raise Wrong(f"The {{}} field must be at least {low if minimum else 0}.")
        # Compared before rounding as well: `quantize` fails for numbers such as 1e400.
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
    """Return cents in the contract's notation of money, for example `2500.00`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"


def array(maximum: int) -> Callable[[object], list[Any]]:
    """An array with at least one item, of which nothing is looked at."""

    def convert(value: object) -> list[Any]:
        if type(value) is not list:
            raise Wrong("The {} field must be an array.")
        if not value:
            raise Wrong(REQUIRED)
        if len(value) > maximum:
            raise Wrong(f"The {{}} field must not have more than {maximum} items.")
        return value

    return convert


def calendar_date(value: object) -> str:
    """A date in the form `YYYY-MM-DD`."""
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise Wrong("The {} field must be a valid date.")


def moment(*, end: bool) -> Callable[[object], datetime]:
    """A date or a timestamp as a bound: the first whole millisecond in the range, or with `end` the last one."""

    def convert(value: object) -> datetime:
        if type(value) is str and _DATE.fullmatch(value):
            day = datetime.fromisoformat(calendar_date(value)).replace(tzinfo=UTC)
            # Not "plus a day, minus a millisecond": 9999-12-31 has no next day.
            return day.replace(hour=23, minute=59, second=59, microsecond=999_000) if end else day
        try:
            if type(value) is not str or not (match := _TIMESTAMP.fullmatch(value)):
                raise ValueError
            at = datetime.fromisoformat("".join(part for part in match.groups() if part)).astimezone(UTC)
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
    """One of the options, exactly as written."""

    def convert(value: object) -> str:
        if type(value) is not str or value not in options:
            raise Wrong(NOT_SELECTABLE)
        return value

    return convert


def pattern(expression: str, maximum: int) -> Callable[[object], str]:
    """A name that matches a regular expression."""
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
    """Search words, of at most 250 characters in total, which bounds the database query."""
    return text(250)(value)
