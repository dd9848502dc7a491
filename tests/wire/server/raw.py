"""Bytes on a socket, and the answers that come back."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from leads_api.testing import LeadsService

SECONDS = 120.0

OFFERS = {
    "h2c as curl": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"],
    "websocket": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"],
    "anything": ["Connection: Upgrade", "Upgrade: anything"],
    "tls": ["connection: keep-alive, UPGRADE", "upgrade: TLS/1.0, h2c"],
    "several": ["Connection: upgrade", "Connection: keep-alive", "Upgrade: h2c", "Upgrade: websocket"],
    "without connection": ["Upgrade: h2c"],
    "without upgrade": ["Connection: Upgrade"],
}
"""Header fields that offer another protocol."""


class Answer(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Connection:
    """A connection to a service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *packets: bytes) -> None:
        """Send each in a packet of its own."""
        for packet in packets:
            self.writer.write(packet)
            await self.writer.drain()
            await asyncio.sleep(0.02)  # else the system may join them

    async def answer(self, *, head: bool = False) -> Answer | None:
        """Return the next answer; None if the connection was closed."""
        async with asyncio.timeout(SECONDS):
            line = await self.reader.readline()
            if not line:
                return None
            headers: dict[str, str] = {}
            while (field := (await self.reader.readline()).strip()) != b"":
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            length = 0 if head else int(headers.get("content-length", "0"))
            return Answer(int(line.split()[1]), headers, await self.reader.readexactly(length))

    async def answers(self) -> list[Answer]:
        """Return all answers until the connection is closed."""
        found = []
        while (answer := await self.answer()) is not None:
            found.append(answer)
        return found

    def pause(self) -> None:
        """Take nothing more of what comes."""
        transport: Any = self.writer.transport
        transport.pause_reading()

    async def close(self) -> None:
        self.writer.transport.abort()


async def connect(url: str) -> Connection:
    """Open a connection to an address."""
    address = urlsplit(url)
    return Connection(*await asyncio.open_connection(address.hostname, address.port))


async def talk(service: LeadsService, *packets: bytes, end: bool = False) -> list[Answer]:
    """Send packets; return all answers until the connection is closed. `end` says that no more will come."""
    connection = await connect(service.url)
    try:
        await connection.send(*packets)
        if end:
            connection.writer.write_eof()
        return await connection.answers()
    finally:
        await connection.close()


def request(
    service: LeadsService, method: str, path: str, body: bytes = b"", fields: Iterable[str] = (), *, last: bool = True
) -> bytes:
    """Return a request with a key; the last one asks to close the connection behind it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: leads.test", f"Authorization: Bearer {service.key}", *fields]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if last:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, size: int = 7, trailer: bytes = b"") -> bytes:
    """Return a body in chunks."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - it is so in another thread
            await asyncio.sleep(0.01)
    assert true(), what
