"""The URL of a webhook, and its parts."""

import re

from msgspec import Struct

from leads_api.validation.values import Wrong, text

MAX_LENGTH = 2048
NOT_A_URL = "The {} field must be an http or https URL in ASCII, without user, password and fragment."
NOT_PUBLIC = (
    "The {} field must name a public host. Its name cannot be resolved, or leads to an address that is not public."
)

_LAST_PORT = 65_535
_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?][A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]*)?",
    re.ASCII,
)
PATTERN = re.sub(r"\?P<\w+>", "?:", _URL.pattern)
"""For the OpenAPI document."""
_as_text = text(MAX_LENGTH)


class Target(Struct, frozen=True):
    """Where a request goes."""

    tls: bool
    host: str
    """As it is resolved, and as its certificate names it: in lower case, without brackets and final dot."""
    port: int
    path: str
    """Path and query."""
    authority: str
    """The value of the `Host` header."""


def target_of(url: str) -> Target:
    """Return the parts of a URL. Raises ValueError."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("not a URL")
    tls = match["scheme"].lower() == "https"
    port = int(match["port"] or (443 if tls else 80))
    host = match["host"].strip("[]").lower().removesuffix(".")
    if not host or not 1 <= port <= _LAST_PORT:
        raise ValueError("not a URL")
    rest = match["rest"] or "/"
    authority = match["host"] + (f":{port}" if match["port"] else "")
    return Target(tls, host, port, rest if rest.startswith("/") else f"/{rest}", authority)


def url(value: object) -> str:
    """An http or https URL with a host, without user, password and fragment."""
    found = _as_text(value)
    try:
        target_of(found)
    except ValueError:
        raise Wrong(NOT_A_URL) from None
    return found
