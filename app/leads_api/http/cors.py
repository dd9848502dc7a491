"""CORS headers and preflight responses (the Fetch standard)."""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

_ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_SECONDS = "600"

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
_NAMES = re.compile(rf"{_NAME}(?:[ \t]*,[ \t]*{_NAME}){{0,63}}")

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535


class Cors:
    """The allowed origins; `*` allows any."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def headers(self, request: Mapping[bytes, bytes]) -> dict[str, str]:
        """Return the CORS headers of the response to a request."""
        origin = request.get(b"origin")
        if self._any:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
        if origin is None or origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin.decode("latin-1"),
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }

    def preflight(self, method: str, request: Mapping[bytes, bytes]) -> Mapping[str, str] | None:
        """Return the additional headers for a preflight; None if it is not one, or if its origin is not allowed."""
        asks = method == "OPTIONS" and b"origin" in request and b"access-control-request-method" in request
        if not asks or not (self._any or request[b"origin"] in self._origins):
            return None
        # Libraries add headers of their own (tracing, for example). Nothing is at risk if all are allowed: an API key
        # must be sent on purpose, as browsers add none by themselves, and the service ignores what it does not know.
        asked = request.get(b"access-control-request-headers", b"").decode("latin-1").strip()
        return {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": asked if _NAMES.fullmatch(asked) else _ALLOWED,
            "Access-Control-Max-Age": _SECONDS,
            "Vary": "Access-Control-Request-Headers",
        }


def check_origin(origin: str) -> None:
    """Raise ValueError unless browsers send this `Origin` header, as it is written."""
    if origin == "*":
        return
    match = _ORIGIN.fullmatch(origin)
    if match is None or not _is_host(match[2]) or int(match[3] or 1) > _LAST_PORT:
        raise ValueError(
            f"{origin!a} is not * or an origin as browsers send it: http or https, the host in lower-case ASCII"
            " letters, and a port; no path, no slash at the end, no wildcard. Example: https://app.acme.example."
        )
    if match[3] and int(match[3]) == _DEFAULT_PORTS[match[1]]:
        raise ValueError(f"browsers leave out the port of {origin}, so leave it out, too.")


def _is_host(host: str) -> bool:
    """Return whether a host is written as browsers write it: an IP address in its shortest form, or a name."""
    last = host.rstrip(".").rpartition(".")[2]
    if not host.startswith("[") and not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return bool(re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", host))
    text = host.strip("[]")
    try:
        return str(ip_address(text)) == text
    except ValueError:
        return False
