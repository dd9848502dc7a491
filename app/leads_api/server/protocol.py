"""Uvicorn's HTTP protocol with strict framing, size and time limits, errors in the envelope, and batched writes.

Uvicorn's parser stops at a protocol upgrade and continues after the head. Uvicorn limits neither the size nor the
duration of a head, sends errors as plain text, and discards data that arrives after a response. Here, `framing.py`
reads the requests, and input that cannot be read closes the connection.
"""

import asyncio
import secrets
from typing import Any
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from leads_api.server.cycle import Cycle
from leads_api.server.framing import Fields, Framing, Refused
from leads_api.server.transport import Flow, GatheringTransport
from leads_api.telemetry.metrics import Counter

HEAD_SECONDS = 10.0
"""Time limit for the arrival of a head."""
STALL_SECONDS = 30.0
"""Time after which a connection is aborted whose caller has received less than LEAST_TAKEN of what is sent."""
LEAST_TAKEN = 64 * 1024
FIRST_SECONDS = 1.0
"""How long a new connection may wait for its first request while the server shuts down."""
MAX_UNSENT = 64 * 1024 * 1024
"""Bytes of responses, per process, that callers have not received. Above this limit, those are aborted who have not
received anything for the longest time."""
MAX_QUEUED = 32
"""Pipelined requests of a connection that wait for the one before them. Above this limit, input is kept unread."""

_UNREADABLE = Counter("leads_http_unreadable_total", "Requests that the HTTP server itself refused.", ["status"])

_stalled: dict["Protocol", None] = {}
"""The connections whose callers do not receive what is sent, the longest stalled ones first."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own, narrower
        """Start a connection with a GatheringTransport. It is closed after the keep-alive time if no data arrives."""
        self._framing = Framing(self)
        self._refusal: Refused | None = None
        self._ignores_input = False
        self._half_closed = False
        self._is_new = True
        """Whether no request has begun yet."""
        self._open = 0
        """The number of requests that have begun and have no response yet."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = self.loop.time()
        """Since when nothing is under way; None if something is."""
        super().connection_made(GatheringTransport(transport, self.loop))
        self.flow = Flow(self.transport, self.pipeline)
        self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of the connection."""
        _stalled.pop(self, None)
        for timer in (self._head_timer, self._stall_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read the input; refuse what cannot be read."""
        if self._ignores_input:
            return
        self._idle_since = None
        newest = self.cycle
        try:
            self._framing.read(data)
        except Refused as refused:
            self._refuse(refused)
        if self._framing.in_head or self._head_timer is not None:
            self._watch_head(anew=self.cycle is not newest)
        elif not self._open:  # an empty line
            self._idle_since = self.loop.time()

    def _read_on(self) -> None:
        """Read the input that was kept while too many requests were queued."""
        try:
            self._framing.resume()
        except Refused as refused:
            self._refuse(refused)

    def on_request(self, method: str, target: bytes, fields: Fields, body: bytes | None) -> None:
        """Start a request, or queue it behind those that have no response yet. Raises Refused."""
        raw_path, query = _split(target)
        path = raw_path.decode()
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": fields.version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method,
            "root_path": self.root_path,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": fields.headers,
            "state": self.app_state.copy(),
        }
        self._open += 1
        self._is_new = False
        before = self.cycle
        self.cycle = cycle = Cycle(self, scope, fields, body, ignore_input=self._ignore_input)
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
            self._framing.paused = len(self.pipeline) >= MAX_QUEUED

    def on_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Add a piece to the body of the newest request."""
        cycle = self.cycle
        cycle.more_body = not is_last
        if not cycle.response_complete:
            cycle.body += piece
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
        cycle.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not cycle.more_body:
            super()._start_asgi_task(cycle, app)
            return

        async def closing(scope: Any, receive: Any, send: Any) -> None:
            async def closing_send(message: Any) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    # The next request is behind the rest of the body, which nobody will read. So the connection closes.
                    cycle.keep_alive = False
                    self._ignore_input()
                await send(message)

            await app(scope, receive, closing_send)

        super()._start_asgi_task(cycle, closing)

    def on_response_complete(self) -> None:
        """Continue with the next pipelined request or a pending refusal."""
        self._open -= 1
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_sending()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._framing.paused and not self.pipeline and not self._ignores_input:
            self._read_on()
        if self._framing.in_head and self._head_timer is None:
            self._watch_head(anew=True)
        if self._open:
            return
        self._idle_since = self.loop.time()
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._half_closed or not self.timeout_keep_alive:
            self._close()

    def _close_if_idle(self) -> None:
        """Close the connection if it has been idle for the keep-alive time; else look again when it may have been.

        Uvicorn sets and cancels a timer for each request, which takes 1% of the CPU of a GET.
        """
        idle = 0.0 if self._idle_since is None else self.loop.time() - self._idle_since
        if idle < self.timeout_keep_alive:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive - idle, self._close_if_idle)
        elif self._idle_since is not None:
            self._close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own; uvicorn says None
        """Keep a half-closed connection open while complete requests have no response yet."""
        self._half_closed = True
        if self._framing.in_body and not self._ignores_input:
            self._refuse(Refused(400, "The connection was closed before the request body had arrived."))
        if self._open:
            return True
        self._close()  # the event loop's own close would lose what this iteration has yet to send
        return False

    def shutdown(self) -> None:
        """Close the connection if it is idle; else after the response to the request that is arriving or under way."""
        self.timeout_keep_alive = 0
        if self._framing.in_head:
            return
        if self._is_new:  # it was opened a moment ago, for a request
            self._idle_timer.cancel()
            self._idle_timer = self.loop.call_later(FIRST_SECONDS, self._close_if_idle)
            return
        super().shutdown()
        if self.transport.is_closing():
            self._watch_sending()

    def _ignore_input(self) -> None:
        """Read and drop what else the caller sends, until the connection is closed."""
        self._ignores_input = True
        transport: Any = self.transport
        transport.lingers = True

    def pause_writing(self) -> None:
        """Watch whether the caller receives the response."""
        super().pause_writing()
        _stalled[self] = None
        self._watch_sending()
        _bound_unsent()

    def resume_writing(self) -> None:
        """Go on sending: the caller has received nearly all."""
        super().resume_writing()
        _stalled.pop(self, None)
        if self._stall_timer is not None and not self.transport.is_closing():
            self._stall_timer.cancel()
            self._stall_timer = None

    def _close(self) -> None:
        self.transport.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        """Abort the connection after a time in which the caller has received too little of what is left to send."""
        if self._stall_timer is None and (unsent := self.unsent):
            self._stall_timer = self.loop.call_later(STALL_SECONDS, self._abort_if_stalled, unsent)

    def _abort_if_stalled(self, before: int) -> None:
        self._stall_timer = None
        if before - self.unsent < min(before, LEAST_TAKEN):
            self.abort()
        else:
            self._watch_sending()

    def abort(self) -> None:
        """Close the connection at once."""
        transport: Any = self.transport
        transport.abort()

    @property
    def unsent(self) -> int:
        """Return how many bytes of responses the caller has not received."""
        transport: Any = self.transport
        size: int = transport.get_write_buffer_size()
        return size

    def _watch_head(self, *, anew: bool) -> None:
        """Limit the time in which a head arrives, if one is arriving; `anew` says that it has begun just now.

        While nothing is read, a caller cannot be late.
        """
        arrives = self._framing.in_head and not self._ignores_input
        if self._head_timer is not None and (anew or not arrives):
            self._head_timer.cancel()
            self._head_timer = None
        if arrives and self._head_timer is None and not self.flow.read_paused:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        self._refuse(Refused(408, "The request did not arrive in time. Please send it again."))

    def _refuse(self, refused: Refused) -> None:
        """Ignore further input, and send an error after the responses to earlier requests."""
        self._ignores_input = True
        # If its body is incomplete, the error is the response to the current request. A head that was refused has none.
        if self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            self._open -= 1
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            elif self.cycle.response_started:
                self._close()
                return
        if self._open:
            self._refusal = refused
        else:
            self._send_refusal(refused)

    def _send_refusal(self, refused: Refused) -> None:
        _UNREADABLE.add(refused.status)
        content = msgspec.json.encode({"message": refused.message})
        fields = {name.decode(): value.decode() for name, value in self.server_state.default_headers} | {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "x-request-id": secrets.token_hex(16),
            "connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        transport: Any = self.transport
        transport.lingers = True
        transport.write(STATUS_LINE[refused.status] + head.encode() + b"\r\n" + content)
        self._close()


def _bound_unsent() -> None:
    """Abort the longest stalled connections until callers have not received at most MAX_UNSENT bytes of responses."""
    unsent = {protocol: protocol.unsent for protocol in _stalled}
    total = sum(unsent.values())
    for protocol, size in unsent.items():
        if total <= MAX_UNSENT:
            return
        total -= size
        _stalled.pop(protocol)
        protocol.abort()


def _split(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target. Raises Refused."""
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return path, query
    try:
        parsed = httptools.parse_url(target)  # an absolute form (RFC 9112, 3.2.2)
    except httptools.HttpParserInvalidURLError:
        raise Refused(400, "The request target could not be read.") from None
    return parsed.path or b"/", parsed.query or b""
