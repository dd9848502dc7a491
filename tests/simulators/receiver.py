"""A receiver of webhooks that keeps what it is sent, and fails in every way that a test tells it to."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Self

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook

SECONDS = 120.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a socket that is closed with a reset."""

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What the receiver does when it has read a request. Then it closes the connection."""


class Received(Struct, frozen=True):
    """A request."""

    line: str
    headers: dict[str, str]
    body: bytes
    at: float
    """When it came, on the clock `monotonic`."""

    @property
    def event(self) -> dict[str, Any]:
        """The event, as JSON has it."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """Return the event; raise WebhookVerificationError if a secret does not verify it."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer like a receiver that works."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)
        await writer.drain()

    return behave


def raw(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Send some bytes, with pauses before them, and close."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await asyncio.sleep(pause)
            writer.write(part)
            await writer.drain()

    return behave


def byte_by_byte(content: bytes, pause: float) -> Behaviour:
    """Send some bytes, one at a time."""
    return raw(*(content[at : at + 1] for at in range(len(content))), pause=pause)


def when(ready: asyncio.Event, then: Behaviour) -> Behaviour:
    """Behave in a way as soon as a test lets it."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await ready.wait()
        await then(writer)

    return behave


async def silence(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def endless(head: bytes, part: bytes) -> Behaviour:
    """Send a head, and then the same bytes until nobody reads them any more."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()

    return behave


class Receiver:
    """Listens on a free port of loopback for the length of a block, in the running loop."""

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        """With a certificate, it speaks TLS."""
        self.requests: list[Received] = []
        self.at_once = 0
        """The most requests that were in progress at the same time."""
        self._certificate = certificate
        self._usual = answer()
        self._next: list[Behaviour] = []
        self._running: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Condition()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self._certificate)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def url(self, path: str = "/hooks", host: str = "127.0.0.1") -> str:
        """Return the URL of a webhook that sends to this receiver."""
        return f"http{'s' if self._certificate else ''}://{host}:{self.port}{path}"

    def behave(self, *first: Behaviour, then: Behaviour | None = None) -> None:
        """Behave in these ways, one request after the other, and from then on as before, or as `then`."""
        self._next = list(first)
        self._usual = then or self._usual

    async def received(self, count: int = 1, seconds: float = SECONDS) -> list[Received]:
        """Wait for so many requests; return all that there are."""
        until = monotonic() + seconds
        async with self._changed:
            while len(self.requests) < count:
                left = until - monotonic()
                assert left > 0, f"{count} requests: only {len(self.requests)}"
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), left)
        return self.requests

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                request, *lines = head.split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append(Received(request, headers, body, monotonic()))
                self.at_once = max(self.at_once, len(self._running))
                behaviour = self._next.pop(0) if self._next else self._usual
                async with self._changed:
                    self._changed.notify_all()
                await behaviour(writer)
        finally:
            self._running.discard(task)
            writer.close()
