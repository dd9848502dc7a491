"""Uvicorn's HTTP protocol, made safe: strict framing, bounds, errors in the envelope, answers that leave in one piece.

Uvicorn stops parsing at an offer to change the protocol, and goes on behind the head; it bounds neither the size of a
head nor the time that one may take; it answers errors as plain text, and swallows whatever is sent behind an answer.
Here, `framing.py` decides where requests end, and what cannot be read closes the connection.
"""

import asyncio
import secrets
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from leads_api.server.framing import Framing, Refused

HEAD_SECONDS = 10.0
"""How long a head may take to arrive."""
STALL_SECONDS = 30.0
"""How long a caller may take nothing of an answer."""
LINGER_SECONDS = 2.0
"""How long what is still sent is read and dropped, so that the caller gets the answer before the connection ends."""
MAX_UNSENT = 64 * 1024 * 1024
"""Bytes of answers that callers have not taken, of one process. More than that, and new requests are refused."""

_REQUEST = "The request could not be read."
_stalled: set["Protocol"] = set()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own, narrower
        """Begin a connection, behind a transport that gathers. One that says nothing ends after a time."""
        self._framing = Framing()
        self._refusal: Refused | None = None
        self._deaf = False
        self._half_closed = False
        self._open = 0
        """Requests that have begun and are not answered."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        super().connection_made(GatheringTransport(transport, self.loop))
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        _stalled.discard(self)
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        try:
            for piece in self._framing.pieces(data):
                if _stalled:
                    _refuse_more()
                self.parser.feed_data(piece)
        except Refused as refused:
            self._refuse(refused)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(Refused(400, _REQUEST))
        self._watch_head()

    def on_headers_complete(self) -> None:
        """Begin a request, by the method that was sent."""
        self._open += 1
        super().on_headers_complete()
        self.scope["method"] = self._framing.method

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def closing(scope: Any, receive: Any, send: Any) -> None:
            if not cycle.more_body:
                await app(scope, receive, send)
                return

            async def closing_send(message: Any) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    # What is still to come of the body would have to be read to find the next request.
                    cycle.keep_alive = False
                    self._deaf = True
                    transport: Any = self.transport
                    transport.lingers = True
                await send(message)

            await app(scope, receive, closing_send)

        super()._start_asgi_task(cycle, closing)

    def on_response_complete(self) -> None:
        """Go on with what waits behind an answer: a request, or a refusal."""
        self._open -= 1
        super().on_response_complete()
        if self._open:
            return
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._half_closed:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own; uvicorn says None
        """Answer what was asked, though its sender will say no more."""
        self._half_closed = True
        return self._open > 0 and not self._framing.in_body

    def pause_writing(self) -> None:
        """Note that the caller does not take the answer; abort the connection if that stays so."""
        super().pause_writing()
        _stalled.add(self)
        self._stall_timer = self.loop.call_later(STALL_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """Note that the caller has taken some."""
        super().resume_writing()
        _stalled.discard(self)
        if self._stall_timer is not None:
            self._stall_timer.cancel()

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abort()

    @property
    def unsent(self) -> int:
        """Return the bytes of answers that wait for the caller."""
        transport: Any = self.transport
        size: int = transport.get_write_buffer_size()
        return size

    def _watch_head(self) -> None:
        if self._framing.in_head and not self._deaf:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._refuse(Refused(408, "The request did not arrive in time. Please send it again."))

    def _refuse(self, refused: Refused) -> None:
        """Answer that nothing more can be read, behind the answers to what came before."""
        self._deaf = True
        if (
            self._framing.in_body and not self.cycle.response_complete
        ):  # the request whose body is broken gets this answer
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
    """Raise Refused if callers leave too much of their answers."""
    if sum(protocol.unsent for protocol in _stalled) > MAX_UNSENT:
        raise Refused(503, "The service is temporarily unavailable. Please try again.")


class GatheringTransport(asyncio.Transport):
    """A transport that keeps what is written until the end of the loop's turn.

    Uvicorn sends the head of an answer and its body at once and apart: two calls to the system, and a client that wakes
    up between them, again and again while other answers are being made. What is kept to the end of the turn leaves in
    one call, and all answers that were ready leave together; decision 11 has the figures.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._closing = False
        self.lingers = False
        """Whether more is being sent to this side, which `close` has to take."""

    def write(self, data: bytes) -> None:  # type: ignore[override]  # what uvicorn writes
        """Keep data to be sent, behind what is kept already."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what is kept, and close."""
        self._send()
        if self._closing:
            return
        self._closing = True
        if self.lingers and self._transport.can_write_eof() and not self._transport.is_closing():
            # To close while there is something to read resets the connection, and the caller loses the answer.
            self._transport.write_eof()
            self._transport.resume_reading()
            self._loop.call_later(LINGER_SECONDS, self._transport.close)
            return
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._written = []
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that were written and not taken."""
        return self._transport.get_write_buffer_size()

    def _send(self) -> None:
        if self._written and not self._transport.is_closing():
            self._transport.write(b"".join(self._written))
        self._written = []

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Leave what comes in to the system."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the server knows of the connection, such as its addresses."""
        return self._transport.get_extra_info(name, default)
