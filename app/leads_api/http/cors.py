"""CORS for browsers (the Fetch standard): what a page of an allowed origin may send and read."""

from collections.abc import Mapping, Sequence

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    # Those that the service reads, and those that libraries add by themselves: a preflight that lacks one is refused.
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, X-Request-ID, X-Requested-With, traceparent, tracestate, baggage, sentry-trace"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "Link, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-ID"


class Cors:
    """The origins that browsers may call from; `*` is any."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def headers(self, request: Mapping[bytes, bytes]) -> dict[str, str]:
        """Return what every answer to a request carries."""
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
        """Return what the answer to a preflight adds; None if the request is none, or of an origin not allowed."""
        asks = method == "OPTIONS" and b"origin" in request and b"access-control-request-method" in request
        allowed = self._any or request.get(b"origin") in self._origins
        return _PREFLIGHT if asks and allowed else None
