"""The arguments and options that commands declare, and the conversion of their values."""

import codecs
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from cyclopts import Parameter, Token

from leads_api.clock import now
from leads_api.settings import Settings
from leads_api.validation.values import Wrong
from leads_api.validation.values import email as convert_email

_LAST_ID = 2**63 - 1
_LAST_PORT = 65_535
_MOST_WORKERS = 256
_LONGEST_NAME = 150
_MOST_CONNECTIONS = 256
_MOST_SECONDS = 60

Given = Annotated[Settings, Parameter(parse=False)]
"""The settings, which are not on the command line."""


def said(help_: str, convert: Callable[[str], Any] | None = None, *, name: str | None = None, metavar: str = "") -> Any:
    """Return the declaration of an argument or option. `convert` raises ValueError for a value that is not valid."""

    def converter(_: object, tokens: Sequence[Token]) -> Any:
        assert convert is not None
        return convert(tokens[-1].value)

    return Parameter(name, help=help_, metavar=metavar or None, converter=converter if convert else None)


def file_name(help_: str) -> Any:
    """Return the declaration of the argument FILE, which may be `-`."""

    def converter(_: object, tokens: Sequence[Token]) -> str:
        text = tokens[-1].value
        if not text or (text.startswith("-") and text != "-"):
            raise ValueError("must be the name of a file, or -")
        return text

    return Parameter("FILE", help=help_, converter=converter, allow_leading_hyphen=True)


Json = Annotated[bool, said("print the result as JSON")]


def identifier(text: str) -> int:
    """Return the id of a record."""
    return _integer(text, 1, _LAST_ID, "a positive integer")


def workers(text: str) -> int:
    """Return a number of processes."""
    return _integer(text, 1, _MOST_WORKERS, f"a number from 1 to {_MOST_WORKERS}")


def email(text: str) -> str:
    """Return an e-mail."""
    try:
        return convert_email(_LONGEST_NAME)(text)
    except Wrong:
        raise ValueError("must be an e-mail") from None


def connections(text: str) -> int:
    """Return a number of connections."""
    return _integer(text, 1, _MOST_CONNECTIONS, f"a number from 1 to {_MOST_CONNECTIONS}")


def seconds(text: str) -> int:
    """Return a duration."""
    return _integer(text, 1, _MOST_SECONDS, f"a number from 1 to {_MOST_SECONDS}")


def url(text: str) -> str:
    """Return the address of a service."""
    if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", text):
        raise ValueError("must be an address like http://127.0.0.1:8000")
    return text


def port(text: str) -> int:
    """Return a port number; 0 selects a free port."""
    return _integer(text, 0, _LAST_PORT, "a port number")


def _integer(text: str, least: int, most: int, wanted: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise ValueError(f"must be {wanted}")
    return int(text)


def name(text: str) -> str:
    """Return a name: some visible characters on one line."""
    text = text.strip()
    if not 1 <= len(text) <= _LONGEST_NAME or not text.isprintable():
        raise ValueError(f"must be 1 to {_LONGEST_NAME} printable characters")
    return text


def last_day(text: str) -> date:
    """Return a day that is not over yet (UTC)."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = None
    if day is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or day == date.max:
        raise ValueError("must be a date like 2027-12-31")
    if day < now().date():
        raise ValueError("must not be in the past")
    return day


def encoding(text: str) -> str:
    """Return the name of an encoding."""
    try:
        return codecs.lookup(text).name
    except (LookupError, ValueError):
        raise ValueError("must be an encoding, like utf-8 or cp1252") from None
