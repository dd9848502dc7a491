"""A small HTTP client, quick enough to ask for more than the service can serve from the same machine."""

import asyncio
from collections import deque
from collections.abc import Callable

Done = Callable[[int, bytes], None]
"""Gets the status and the body of a response; the status is 0 if there was none."""

CONNECTIONS = 6000
"""More than the requests that the service accepts at a time, so that it is the service that refuses."""
CONNECTING = 128
"""Connections that are being opened at a time; a listening socket's queue is not endless."""
BROKEN = 0
UNSENT = 598
"""Stands for the answer to a request that found no connection before the end of its phase."""


class Client:
    """Connections to one address. A request gets an idle one, else a new one."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._open: set[_Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    def send(self, request: bytes, done: Done) -> None:
        """Send a request. `done` is called when it is answered, or its connection is lost."""
        if self._idle:
            self._idle.pop().ask(request, done)
            return
        self._waiting.append((request, done))
        if len(self._connecting) < min(CONNECTING, len(self._waiting)) and len(self._open) < CONNECTIONS:
            task = asyncio.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def give_up(self) -> None:
        """Give up the requests that wait for a connection."""
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            done(UNSENT, b"")

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            connection.close()

    def release(self, connection: "_Connection") -> None:
        """Give a connection to a request that waits, or keep it."""
        if self._waiting:
            connection.ask(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def forget(self, connection: "_Connection") -> None:
        """Take a connection out that was lost."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), *self._address
            )
        except OSError:
            if self._waiting:
                self._waiting.popleft()[1](BROKEN, b"")
            return
        self._open.add(connection)
        self.release(connection)


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._transport: asyncio.Transport
        self._done: Done | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio's own
        self._transport = transport

    def ask(self, request: bytes, done: Done) -> None:
        """Send a request."""
        self._done = done
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end]
        start = head.find(b"content-length: ")
        length = int(head[start + 16 :].partition(b"\r\n")[0]) if start > 0 else 0
        if len(received) < end + 4 + length:
            return
        self._received = b""
        done, self._done = self._done, None
        if done is not None:
            done(int(head[9:12]), received[end + 4 :])
        if b"connection: close" in head:
            self._transport.close()
        else:
            self._client.release(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.forget(self)
        if self._done is not None:
            self._done(BROKEN, b"")

    def close(self) -> None:
        """Close the connection; a request under way counts as broken."""
        self._transport.close()
