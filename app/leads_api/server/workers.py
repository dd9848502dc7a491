"""Worker processes that share a listening socket, and the process that watches them."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import resource_tracker

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from leads_api.server.drain import drop_handshakes
from leads_api.server.processes import ACCEPT_SECONDS, Config, DrainingServer

_START_SECONDS = 0.1
_PAUSE_SECONDS = 0.05
_MOST_KILLED = 5
"""So many workers in a row may be killed before they are ready."""

_log = logging.getLogger("leads.server")


@dataclass(frozen=True, slots=True)
class InWorker:
    """Makes the application in a worker; a failure is one line in the log, and ends the worker."""

    make: Callable[[], object]

    def __call__(self) -> object:
        """Return the application."""
        try:
            return self.make()
        except Exception:  # noqa: BLE001 - it is logged with its traceback
            _log.exception("the application cannot be made")
            sys.exit(1)


class Worker(multiprocess.Process):
    """A worker process with a DrainingServer."""

    config: Config

    def start(self) -> None:
        """Start. Ctrl-C waits until `target`: before that, Python would print a traceback."""
        resource_tracker.ensure_running()  # its start would unblock the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, in the new process."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until uvicorn has its handler, and after that
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        super().target(sockets)

    @property
    def server(self) -> uvicorn.Server:
        """Return the server of the process; created there."""
        if self._server is None:
            self._server = DrainingServer(self.config, is_worker=True)
        return self._server


class Workers(Multiprocess):
    """Runs workers, and replaces one that is killed or hangs. They end together, as a single server does.

    A worker that ends by itself with an error status would do so again, and so would workers that are killed one after
    the other before they are ready. Then all of them are stopped.
    """

    config: Config

    def __init__(self, config: Config, listener: socket.socket) -> None:
        """`config.workers` is the number of workers."""
        super().__init__(config, [listener])
        vars(multiprocess)["Process"] = Worker  # Multiprocess has no other way to name the class of its workers
        self._drain_seconds = config.drain_seconds
        self._ready: set[int | None] = set()
        self._killed = 0

    def run(self) -> None:
        """Run until a signal ends it. Exits with status 1 if the workers cannot run."""
        self._failed = False
        super().run()
        if self._failed:
            sys.exit(1)

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that are gone."""
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker.process.is_alive() and self._answers(worker):
                continue
            worker.kill()
            worker.join()
            if self.signal_queue:  # the same signal may have ended it
                return
            status = worker.exitcode or 0
            if worker.pid not in self._ready:
                self._killed += 1
            if status > 0 or self._killed >= _MOST_KILLED:
                _log.error("worker %s ended with status %s; the service stops", worker.pid, status)
                self._failed = True
                self.should_exit.set()
                return
            _log.error("worker %s ended with status %s; it is replaced", worker.pid, status)
            self._ready.discard(worker.pid)
            self.processes[place] = replacement = Worker(self.config, self.sockets)
            replacement.start()

    def _answers(self, worker: multiprocess.Process) -> bool:
        if worker.pid in self._ready:
            return worker.ping(self.config.timeout_worker_healthcheck)
        if worker.is_ready(_START_SECONDS):
            self._ready.add(worker.pid)
            self._killed = 0
        return True  # on a busy machine, a start takes its time

    def handle_hup(self) -> None:
        """End: the terminal was closed."""
        self.handle_int()

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
        time.sleep(ACCEPT_SECONDS)
        for listener in self.sockets:
            listener.close()
        self._tell(signal.SIGINT)

    def _are_alive(self) -> bool:
        return any(worker.process.is_alive() for worker in self.processes)

    def _tell(self, number: int) -> None:
        for worker in self.processes:
            if worker.pid is not None and worker.process.is_alive():
                os.kill(worker.pid, number)
