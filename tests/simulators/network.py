"""A bad network in front of a database server: late, slow, cut off, silent."""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a socket that is closed with a reset."""


class Network:
    """Listens on a free port of loopback for the length of a block, and hands bytes on as badly as told."""

    def __init__(self, uri: str) -> None:
        """`uri` is that of the server."""
        self._server = urlsplit(uri)
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._passing = asyncio.Event()
        self._passing.set()
        self.latency = 0.0
        """Seconds that each piece of data is late, in each direction."""
        self.jitter = 0.0
        """Seconds that it may be late beyond that."""
        self.bytes_per_second = 0.0
        """What goes through each connection in each direction; 0 is no limit."""

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for task in self._links:
            task.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    @property
    def uri(self) -> str:
        """What leads to the server through here."""
        port = self._listening.sockets[0].getsockname()[1]
        return f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Hand nothing on during the block; what was sent arrives after it."""
        self._passing.clear()
        try:
            yield
        finally:
            self._passing.set()

    def reset(self) -> None:
        """Reset all connections, on both sides."""
        for link in list(self._links.values()):
            link.reset()

    def forget(self) -> None:
        """Forget all connections, as a firewall does: both sides keep theirs, and nothing arrives. New ones work."""
        for link in self._links.values():
            link.forgotten = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            there, back = await asyncio.open_connection(self._server.hostname, self._server.port)
        except ConnectionError:
            writer.close()
            return
        self._links[task] = link = _Link(writer, back)
        directions = [asyncio.create_task(self._pass(*pair, link)) for pair in ((reader, back), (there, writer))]
        with suppress(asyncio.CancelledError):  # the block ends
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        link.close()
        del self._links[task]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link") -> None:
        while data := await reader.read(_CHUNK):
            late = self.latency + random.uniform(0, self.jitter)
            if self.bytes_per_second:
                late += len(data) / self.bytes_per_second
            await asyncio.sleep(late)
            await self._passing.wait()
            if not link.forgotten:
                writer.write(data)
                await writer.drain()
        if link.forgotten:
            await asyncio.Event().wait()  # the other side does not notice the end either


class _Link:
    """A connection from a client to here, and one from here to the server."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.forgotten = False

    def reset(self) -> None:
        for writer in self._writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()
