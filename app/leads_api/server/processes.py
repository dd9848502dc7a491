"""The server of a process of `leads serve`, and how it ends (decision 14)."""

import asyncio
import signal
import socket
from types import FrameType
from typing import Any

import uvicorn

from leads_api.server.accepting import Acceptor
from leads_api.server.drain import drop_handshakes, process_drain

ACCEPT_SECONDS = 0.1
"""Longer than a handshake that has begun may take to complete."""
_MORE_SECONDS = 2.0
"""By how much a worker would drain longer than its parent, which ends the drain."""


class Config(uvicorn.Config):
    """Uvicorn's configuration, with the seconds of the drain."""

    def __init__(self, application: Any, *, drain_seconds: float, **options: Any) -> None:
        super().__init__(application, **options)
        self.drain_seconds = drain_seconds


class DrainingServer(uvicorn.Server):
    """A server that goes on listening for a time after SIGTERM, and loses no connection when it stops.

    Uvicorn stops listening first, so a gateway would notice by failures only. A second signal ends the drain.
    """

    def __init__(self, config: Config, *, is_worker: bool = False) -> None:
        super().__init__(config)
        self._is_worker = is_worker
        self._drain_seconds = config.drain_seconds + (_MORE_SECONDS if is_worker else 0)
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and accept many connections at a time."""
        await super().startup(sockets)
        self._acceptors = [Acceptor(listener, self._protocol) for listener in sockets or []]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the drain at the first SIGTERM; end at any other signal."""
        if self._is_worker and (self.should_exit or (process_drain.begun and sig == signal.SIGTERM)):
            return  # sent by a terminal or an init system as well as by the parent, which ends a drain by SIGINT
        first = not process_drain.begun and not self.should_exit
        super().handle_exit(sig, frame)
        if first:
            seconds = self._drain_seconds if sig == signal.SIGTERM else 0.0
            process_drain.begin(seconds)
            self.should_exit = seconds == 0

    async def on_tick(self, counter: int) -> bool:
        """Return whether to shut down: also when the drain is over."""
        if process_drain.is_over:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the connections that callers have opened already; then stop."""
        if not self._is_worker:  # the others still listen on its socket; the parent does it
            for listener in sockets or []:
                drop_handshakes(listener)
        await asyncio.sleep(ACCEPT_SECONDS)
        for acceptor in self._acceptors:
            await acceptor.close()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
