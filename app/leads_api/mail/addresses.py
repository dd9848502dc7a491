"""Parsing of e-mail addresses for headers.

Python's own parsers are not used, because the addresses that they accept and the errors that they raise differ between
Python versions.
"""

import re
import unicodedata
from email.headerregistry import Address

_SENDER = re.compile(
    r"""
    (?: (?: "(?P<quoted> (?: [^"\\] | \\. )* )"
          | (?P<plain> [^"\\<>@,;:\[\]]* ) )
        \s* < (?P<named> [^<>]+ ) >
      | (?P<alone> [^<>]+ ) )
    """,
    re.VERBOSE,
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[^\s@.\[\]()<>,;:\"\\]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}(?:\.{_LABEL})*|\[[A-Za-z0-9.:]+\])")


def sender(text: str) -> Address:
    """Return the sender of a text like `crm@acme.example` or `Acme <crm@acme.example>`. Raises ValueError."""
    if not text.isprintable() or (match := _SENDER.fullmatch(text.strip())) is None:
        raise ValueError("not one address, with or without a name")
    spec: str = match["named"] or match["alone"]
    if not _ADDRESS.fullmatch(spec):
        raise ValueError("not an address that a mail can be sent from")
    name: str = re.sub(r"\\(.)", r"\1", match["quoted"] or "") or (match["plain"] or "").strip()
    found = address(spec, name)
    found.domain.encode("idna")  # raises UnicodeError, a ValueError, if a label is too long
    return found


def address(text: str, name: str = "") -> Address:
    """Return an address for a header. Raises ValueError if it cannot be written in a header."""
    user, _, domain = text.partition("@")
    if "=?" in user:  # Python would decode it (RFC 2047), possibly to line breaks
        raise ValueError("an encoded word cannot be part of an address")
    domain = domain if domain.isascii() else _ascii_domain(domain)
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\]", domain):
        raise ValueError("not the name of a host, nor an IP address in brackets")
    return Address(name, user, domain)


def _ascii_domain(domain: str) -> str:
    return ".".join(_ascii_label(label) for label in re.split("[.\u3002\uff0e\uff61]", domain))


def _ascii_label(label: str) -> str:
    lower = unicodedata.normalize("NFC", label.lower())
    if {"ß", "ς"} & set(lower):  # Python's codec (IDNA 2003) maps these to other letters, and so to another domain
        return f"xn--{lower.encode('punycode').decode()}"
    return label.encode("idna").decode()
