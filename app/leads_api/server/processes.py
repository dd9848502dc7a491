"""The processes of `leads serve`: how a server ends, alone or as one of several workers (decision 14)."""

import asyncio
import os
import signal
import socket
import time
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from leads_api.server.drain import drop_handshakes, process_drain

_ACCEPT_SECONDS = 0.1
"""Longer than a handshake that has begun may take to complete."""
_PAUSE_SECONDS = 0.05
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

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the drain at the first SIGTERM; end at any other signal."""
        if self.should_exit and self._is_worker:
            return  # Ctrl-C comes from the terminal and from the parent; that does not make it more urgent
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
        await asyncio.sleep(_ACCEPT_SECONDS)
        await super().shutdown(sockets)


class Worker(multiprocess.Process):
    """A worker process with a DrainingServer."""

    config: Config

    @property
    def server(self) -> uvicorn.Server:
        """Return the server of the process; created there."""
        if self._server is None:
            self._server = DrainingServer(self.config, is_worker=True)
        return self._server


class Workers(Multiprocess):
    """Several workers behind one socket, which end together as a single server does."""

    config: Config

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        vars(multiprocess)["Process"] = Worker  # Multiprocess has no other way to name the class of its workers
        self._drain_seconds = config.drain_seconds

    def handle_int(self) -> None:
        """End without a drain."""
        super().handle_int()
        self._drain_seconds = 0

    def terminate_all(self) -> None:
        """Let the workers drain, and then end. Further signals end the drain."""
        if self._drain_seconds > 0:
            self._tell(signal.SIGTERM)
            until = time.monotonic() + self._drain_seconds
            while time.monotonic() < until and not self.signal_queue and self._are_alive():
                time.sleep(_PAUSE_SECONDS)
        for listener in self.sockets:
            drop_handshakes(listener)
        time.sleep(_ACCEPT_SECONDS)
        for listener in self.sockets:
            listener.close()
        self._tell(signal.SIGINT)

    def _are_alive(self) -> bool:
        return any(worker.process.is_alive() for worker in self.processes)

    def _tell(self, number: int) -> None:
        for worker in self.processes:
            if worker.pid is not None and worker.process.is_alive():
                os.kill(worker.pid, number)
