"""One request and its response, on top of ASGI."""

import asyncio
import re
import secrets
from collections.abc import Mapping

from litestar.types import HTTPScope, Receive, Send

from leads_api.errors import BadRequest, Failure, PayloadTooLarge
from leads_api.http.envelope import failure_body
from leads_api.server.drain import process_drain
from leads_api.telemetry import traces
from leads_api.validation.bodies import JSON

_LARGE_BYTES = 64 * 1024
"""The size of a response above which the buffers of connections do not take it at once."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")


class Exchange:
    """A request and its response. It adds `X-Request-ID`, and omits the body for HEAD."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send, root_path: str = "") -> None:
        """`root_path` is the gateway's path prefix; an application that mounts the service may add to it (ASGI)."""
        self.method: str = scope["method"]
        self.path = scope["path"]
        self.raw_path = scope.get("raw_path") or b""
        """The path as it was sent, with all prefixes; empty if the server does not tell."""
        self.root_path = root_path
        """The path prefix that callers see: empty, or for example `/crm`."""
        if root_path or scope.get("root_path"):
            self._strip(root_path, scope.get("root_path", "").rstrip("/"))
        self.query_string = scope["query_string"]
        self._lines = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(self._lines)
        self.user: int | None = None
        """The id of the team user who owns the API key; set by authentication."""
        self.reads_only = False
        """Whether the API key may only read; set by authentication."""
        self.api_key: int | None = None
        """The id of the API key; set by authentication."""
        self.status: int | None = None
        """The status of the response; set by `reply`."""
        self.receiving = False
        """Whether the request body is being received."""
        self._answer: tuple[int, Mapping[str, str], bytes]
        self._receive = receive
        self._send = send
        sent = self.headers.get(b"x-request-id")
        self.identity = sent.decode() if sent and _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
        self._fields = [(b"x-request-id", self.identity.encode())]
        self.trace = traces.of_headers(scope["headers"]) if b"traceparent" in self.headers else None
        """The trace that the request belongs to; None if the caller names none."""

    def _strip(self, outer: str, inner: str) -> None:
        """Remove the prefix from the path. Gateways and mounting applications may have removed parts of it already."""
        whole = inner if inner.startswith(outer) else outer + inner
        self.root_path = whole
        for prefix in dict.fromkeys((whole, outer, inner)):
            if prefix and (self.path == prefix or self.path.startswith(f"{prefix}/")):
                self.path = self.path[len(prefix) :]
                break
        self.path = self.path or "/"

    def header(self, name: bytes) -> str:
        """Return a request header; empty if it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    def list_header(self, name: bytes) -> str:
        """Return a request header that is a list: its lines as one (RFC 9110, 5.3); empty if it was not sent."""
        return b", ".join(value for sent, value in self._lines if sent == name).decode("latin-1")

    @property
    def answer(self) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the response."""
        return self._answer

    def add(self, headers: Mapping[str, str]) -> None:
        """Add headers to the response, whether it succeeds or fails."""
        self._fields += _encoded(headers)

    async def body(self, limit: int) -> bytes:
        """Return the body. Raises PayloadTooLarge, or BadRequest if the connection closes before the body is complete.

        `limit` is in bytes.
        """
        announced = self.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > limit:
            raise PayloadTooLarge(limit)
        self.receiving = True
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            event = await self._receive()
            if event["type"] != "http.request":
                raise BadRequest("The connection was closed before the request body had arrived.")
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise PayloadTooLarge(limit)
            more = event.get("more_body", False)
        self.receiving = False
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Set the response. `Content-Length` is added if there is a body."""
        self.status = status
        self._answer = status, headers, body

    def fail(self, failure: Failure) -> None:
        """Set a failure as the response."""
        self.reply(failure.status, {"Content-Type": JSON} | failure.headers, failure_body(failure))

    async def send(self) -> None:
        """Send the response. The time that the caller takes to receive it does not count against the deadline.

        A large response ends when the caller has received most of it: until then, it uses memory.
        """
        status, headers, body = self._answer
        fields = [*_encoded(headers), *self._fields]
        if body:
            fields.append((b"content-length", str(len(body)).encode()))
        if process_drain.begun:  # the gateway must not use the connection again
            fields.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        sent = b"" if self.method == "HEAD" else body
        is_large = len(sent) > _LARGE_BYTES
        del self._answer, body  # the server has its own reference, which it drops as the caller receives the response
        await self._send({"type": "http.response.body", "body": sent, "more_body": is_large})
        if is_large:
            del sent
            await asyncio.sleep(0)  # the server writes at the end of the event loop's iteration
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})  # waits for the caller


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
