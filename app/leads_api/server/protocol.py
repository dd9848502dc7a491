"""Uvicorn's HTTP protocol, with the answers of one turn of the loop sent at its end.

Uvicorn sends the head of an answer and its body at once and apart: two calls to the system, and a client that wakes up
between them, again and again while other answers are being made. What is kept to the end of the turn leaves in one
call, and all answers that were ready leave together; decision 11 has the figures.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GatheringProtocol(HttpToolsProtocol):
    """The protocol that `leads serve` hands to uvicorn."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own, narrower
        """Begin a connection, behind a transport that gathers."""
        super().connection_made(GatheringTransport(transport, self.loop))


class GatheringTransport(asyncio.Transport):
    """A transport that keeps what is written until the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]  # what uvicorn writes
        """Keep data to be sent, behind what is kept already."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what is kept, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written and not self._transport.is_closing():
            self._transport.write(b"".join(self._written))
        self._written = []

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Leave what comes in to the system."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the server knows of the connection, such as its addresses."""
        return self._transport.get_extra_info(name, default)
