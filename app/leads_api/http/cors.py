"""CORS headers and preflight responses (the Fetch standard)."""

from collections.abc import Mapping, Sequence

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    # The headers that the service reads, and those that client libraries add: browsers send no request with a header
    # that is not listed.
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, X-Request-ID, X-Requested-With, traceparent, tracestate, baggage, sentry-trace"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"


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
        allowed = self._any or request.get(b"origin") in self._origins
        return _PREFLIGHT if asks and allowed else None
