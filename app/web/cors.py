"""CORS for browsers (the Fetch standard): answers preflights, and marks what a page of an allowed origin may read."""

from collections.abc import Sequence

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = b"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID"
_EXPOSED = b"ETag, Location, Link, Retry-After, X-Request-ID, Idempotency-Replayed"


class Cors:
    """An ASGI wrapper; only made if origins are allowed."""

    def __init__(self, inner: ASGIApp, origins: Sequence[str]) -> None:
        self._inner = inner
        self._any = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is None or not (self._any or origin in self._origins):
            await self._inner(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", b"*" if self._any else origin), (b"vary", b"Origin")]
        if (
            scope["type"] == ScopeType.HTTP
            and scope["method"] == "OPTIONS"
            and b"access-control-request-method" in headers
        ):
            preflight = [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _REQUEST_HEADERS),
                (b"access-control-max-age", b"600"),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": allowed + preflight})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = (b"access-control-expose-headers", _EXPOSED)
                message["headers"] = [*message["headers"], *allowed, exposed]
            await send(message)

        await self._inner(scope, receive, marked)
