"""The mail server of LEADS_SMTP_URL (contract, section 6)."""

import re
from ipaddress import ip_address
from urllib.parse import unquote

from msgspec import Struct

_LAST_PORT = 65_535
_URL = re.compile(
    r"""
    (?P<scheme> smtps? ) ://
    (?: (?P<login> [^/?\#\s]* ) @ )?
    (?P<host> \[ [0-9A-Fa-f:.]+ \] | [^/?\#\s:@\[\]]+ )
    (?: : (?P<port> [0-9]{1,5} ) )?
    /?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class SmtpServer(Struct, frozen=True):
    """A mail server, and how to log in to it."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool
    """Whether TLS is used from the first byte (smtps)."""

    @property
    def start_tls(self) -> bool | None:
        """Whether STARTTLS is required; None if it is used when the server offers it.

        A password is never sent unencrypted, even if an attacker removes the server's offer.
        """
        return True if self.password is not None and not self.tls and not _is_loopback(self.host) else None


def smtp_server(url: str) -> SmtpServer:
    """Return the mail server of a URL. Raises ValueError; its text does not repeat the URL."""
    match = _URL.fullmatch(url)
    if match is None or not url.isprintable() or not 1 <= (port := int(match["port"] or _port(match))) <= _LAST_PORT:
        raise ValueError(
            "must be like smtp://user:password@host:587 or smtps://host. Percent-encode special characters of user and"
            " password, for example # as %23."
        )
    user, password = _login(match["login"])
    host = match["host"].strip("[]")
    try:
        ip_address(host) if ":" in host else host.encode("idna")
        if not re.fullmatch(r"[\w.:-]+", host):
            raise ValueError
    except ValueError:
        raise ValueError("must name a host, like smtp://mail.acme.example:587.") from None
    return SmtpServer(host, port, user, password, tls=_is_smtps(match))


def _login(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    user, _, password = text.partition(":")
    if not user or not password:
        raise ValueError("must have both a user and a password before the @, or none of them.")
    if _PERCENT.search(text):
        raise ValueError("must have each % of user and password as %25.")
    try:
        return unquote(user, errors="strict"), unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("must have user and password percent-encoded as UTF-8.") from None


def _is_smtps(match: re.Match[str]) -> bool:
    return match["scheme"].lower() == "smtps"


def _port(match: re.Match[str]) -> int:
    return 465 if _is_smtps(match) else 25


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a host name
        return False
