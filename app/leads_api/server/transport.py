"""A transport that sends what is written during an iteration of the event loop together (decision 11), and its flow."""

import asyncio
from collections.abc import Collection
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

LINGER_SECONDS = 2.0
"""How long input is read and dropped before the connection closes, so that the caller receives the response."""
JOINED_BYTES = 64 * 1024
"""The size up to which the pieces of responses are joined to send them in one call."""


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


class Flow(FlowControl):
    """Reads no further while pipelined requests wait for the one before them.

    Uvicorn reads on after each response. A caller who sends requests without end could have thousands more queued for
    each one that is answered.
    """

    def __init__(self, transport: asyncio.Transport, queued: Collection[object]) -> None:
        """`queued` are the requests that wait."""
        super().__init__(transport)
        self._queued = queued

    def resume_reading(self) -> None:
        """Continue reading, unless requests wait."""
        if not self._queued:
            super().resume_reading()
