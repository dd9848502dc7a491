"""Bytes sent to the service in several ways, and what reaches the application in each."""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tests.attacks.recorder import Recorder, Request

SECONDS = 120.0
_QUIET_SECONDS = 1.0

END = Request("GET", b"/end")
_END = b"GET /end HTTP/1.1\r\nHost: leads.test\r\nConnection: close\r\n\r\n"
_NUMBER = re.compile(rb"(?:x-number: |\[)([0-9]+)", re.IGNORECASE)


class Outcome(NamedTuple):
    """What became of some bytes."""

    requests: list[Request]
    """What reached the application."""
    received: bytes
    """What the sender got."""


class Ways:
    """The ways to one recorder, by name. Each is opened when it is needed first, and gives a port."""

    def __init__(self, recorder: Recorder, openers: dict[str, Callable[[], int]]) -> None:
        self._recorder = recorder
        self._openers = openers
        self._ports: dict[str, int] = {}
        self._victims = 0

    async def send(self, way: str, sent: bytes, *, incomplete: bool = False, patient: bool = False) -> Outcome:
        """Send bytes in one way, and END behind them.

        Behind `incomplete` bytes nothing follows. A sender that is not `patient` ends its side of the connection when
        nothing comes for a while. Whatever was sent, each request that reached the application must have been answered
        to this sender, and others that call in the same way must get their own answers.
        """
        self._recorder.clear()
        received, cut = await self._talk(way, sent if incomplete else sent + _END, end=incomplete, patient=patient)
        found = dict(self._recorder.requests)
        answered = {int(number) for number in _NUMBER.findall(received)}
        assert cut or answered == found.keys(), (way, sent, received, found)
        for _ in range(2):
            self._victims += 1
            target = f"/victim/{self._victims}".encode()
            head = b"GET " + target + b" HTTP/1.1\r\nHost: leads.test\r\nConnection: close\r\n\r\n"
            answer, _ = await self._talk(way, head, patient=True)
            assert answer.endswith(b" " + target + b"]"), (way, sent, answer)
        return Outcome(list(found.values()), received)

    def port(self, way: str) -> int:
        if way not in self._ports:
            self._ports[way] = self._openers[way]()
        return self._ports[way]

    async def _talk(self, way: str, sent: bytes, *, end: bool = False, patient: bool = False) -> tuple[bytes, bool]:
        """Return what comes until the connection is closed, and whether the sender ended its side."""
        loop = asyncio.get_running_loop()
        with socket.socket() as connection:  # not a stream, which forgets what it has received when it is reset
            connection.setblocking(False)
            received = b""
            async with asyncio.timeout(SECONDS):
                await loop.sock_connect(connection, ("127.0.0.1", self.port(way)))
                with suppress(ConnectionError):  # it may be refused before it is read to its end
                    await loop.sock_sendall(connection, sent)
                    if end:
                        connection.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while True:
                        try:
                            async with asyncio.timeout(None if end or patient else _QUIET_SECONDS):
                                part = await loop.sock_recv(connection, 65_536)
                        except TimeoutError:
                            end = True
                            connection.shutdown(socket.SHUT_WR)
                            continue
                        if not part:
                            break
                        received += part
            return received, end
