"""Uvicorn's HTTP protocol with strict framing, size and time limits, errors in the envelope, and batched writes.

Uvicorn stops parsing at a protocol upgrade and continues after the head. It limits neither the size nor the duration of
a head, sends errors as plain text, and discards data that arrives after a response. Here, `framing.py` decides where
requests end, and input that cannot be read closes the connection.
"""

import asyncio
import secrets
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from leads_api.server.framing import Framing, Refused

HEAD_SECONDS = 10.0
"""Time limit for the arrival of a head."""
STALL_SECONDS = 30.0
"""Time after which a connection is aborted whose caller receives nothing of a response."""
FIRST_SECONDS = 1.0
"""How long a new connection may wait for its first request while the server shuts down."""
LINGER_SECONDS = 2.0
"""How long input is read and dropped before the connection closes, so that the caller receives the response."""
MAX_UNSENT = 64 * 1024 * 1024
"""Bytes of responses, per process, that callers have not received. Above this limit, new requests are refused."""
JOINED_BYTES = 64 * 1024
"""The size up to which the pieces of responses are joined to send them in one call."""

_REQUEST = "The request could not be read."
_stalled: set["Protocol"] = set()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own, narrower
        """Start a connection with a GatheringTransport. It is closed after the keep-alive time if no data arrives."""
        self._framing = Framing()
        self._refusal: Refused | None = None
        self._ignores_input = False
        self._half_closed = False
        self._is_new = True
        """Whether no request has begun yet."""
        self._open = 0
        """The number of requests that have begun and have no response yet."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        super().connection_made(GatheringTransport(transport, self.loop))
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of the connection."""
        _stalled.discard(self)
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass the pieces of the input to the parser; refuse what cannot be read."""
        if self._ignores_input:
            return
        self._unset_keepalive_if_required()
        try:
            if _stalled and not self._framing.in_body:
                _refuse_more()
            for piece in self._framing.pieces(data):
                self.parser.feed_data(piece)
        except Refused as refused:
            self._refuse(refused)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(Refused(400, _REQUEST))
        if self._framing.in_head or self._head_timer is not None:
            self._watch_head()

    def on_headers_complete(self) -> None:
        """Start a request, with the method that was sent."""
        super().on_headers_complete()  # raises if it cannot read the target; nothing has been started then
        self._open += 1
        self._is_new = False
        self.scope["method"] = self._framing.method

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not (self._framing.in_body and cycle.more_body):  # the body is here, or in the piece that is being parsed
            super()._start_asgi_task(cycle, app)
            return

        async def closing(scope: Any, receive: Any, send: Any) -> None:
            async def closing_send(message: Any) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    # The next request is behind the rest of the body, which nobody will read. So the connection closes.
                    cycle.keep_alive = False
                    self._ignores_input = True
                    transport: Any = self.transport
                    transport.lingers = True
                await send(message)

            await app(scope, receive, closing_send)

        super()._start_asgi_task(cycle, closing)

    def on_response_complete(self) -> None:
        """Continue with the next pipelined request or a pending refusal."""
        self._open -= 1
        super().on_response_complete()
        if self._open:
            return
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._half_closed:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own; uvicorn says None
        """Keep a half-closed connection open while complete requests have no response yet."""
        self._half_closed = True
        return self._open > 0 and not self._framing.in_body

    def shutdown(self) -> None:
        """Close the connection if it is idle; else after the response to the request that is arriving or under way."""
        self.timeout_keep_alive = 0
        if self._framing.in_head:
            return
        if self._is_new:  # it was opened a moment ago, for a request
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(FIRST_SECONDS, self.timeout_keep_alive_handler)
            return
        super().shutdown()

    def pause_writing(self) -> None:
        """Start the stall timer: the caller does not receive the response."""
        super().pause_writing()
        _stalled.add(self)
        self._stall_timer = self.loop.call_later(STALL_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """Cancel the stall timer: the caller has received data."""
        super().resume_writing()
        _stalled.discard(self)
        if self._stall_timer is not None:
            self._stall_timer.cancel()

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abort()

    @property
    def unsent(self) -> int:
        """Return how many bytes of responses the caller has not received."""
        transport: Any = self.transport
        size: int = transport.get_write_buffer_size()
        return size

    def _watch_head(self) -> None:
        if self._framing.in_head and not self._ignores_input:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

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
                self.transport.close()
                return
        if self._open:
            self._refusal = refused
        else:
            self._send_refusal(refused)

    def _send_refusal(self, refused: Refused) -> None:
        content = msgspec.json.encode({"message": refused.message})
        fields = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "x-request-id": secrets.token_hex(16),
            "connection": "close",
        } | ({"retry-after": "1"} if refused.status == 503 else {})  # noqa: PLR2004 - RFC 9110, 15.6.4
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        transport: Any = self.transport
        transport.lingers = True
        transport.write(STATUS_LINE[refused.status] + head.encode() + b"\r\n" + content)
        transport.close()


def _refuse_more() -> None:
    """Raise Refused if callers have not received more than MAX_UNSENT bytes of responses."""
    if sum(protocol.unsent for protocol in _stalled) > MAX_UNSENT:
        raise Refused(503, "The service is temporarily unavailable. Please try again.")


class GatheringTransport(asyncio.Transport):
    """A transport that buffers writes until the end of the event loop's iteration.

    Uvicorn writes the head and the body of a response separately. That takes two system calls, and the client may wake
    up between them. Buffered data is sent in one call, and all responses that are ready are sent together. Decision 11
    has the figures.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._closing = False
        self.lingers = False
        """Whether the caller may still be sending, so that `close` must read and drop input."""

    def write(self, data: bytes) -> None:  # type: ignore[override]  # what uvicorn writes
        """Add data to the buffer."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send the buffer and close; with `lingers`, read and drop input for LINGER_SECONDS before."""
        self._send()
        if self._closing:
            return
        self._closing = True
        if self.lingers and self._transport.can_write_eof() and not self._transport.is_closing():
            # Closing with unread input resets the connection, and the caller loses the response.
            self._transport.write_eof()
            self._transport.resume_reading()
            self._loop.call_later(LINGER_SECONDS, self._transport.close)
            return
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; drop the buffer."""
        self._written = []
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the underlying transport has not sent."""
        return self._transport.get_write_buffer_size()

    def _send(self) -> None:
        pieces, self._written = self._written, []
        if pieces and sum(map(len, pieces)) <= JOINED_BYTES:  # joining a large response would take its memory twice
            pieces = [b"".join(pieces)]
        for piece in pieces if not self._transport.is_closing() else ():
            self._transport.write(piece)

    def is_closing(self) -> bool:
        """Return whether the connection is closed or closing."""
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Stop reading; input stays in the operating system's buffer."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue reading."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about the connection, such as its addresses."""
        return self._transport.get_extra_info(name, default)
