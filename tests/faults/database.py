"""An embedded database server that goes away and comes back, in every manner."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leads_api.server.embedded import Embedded
from tests.wire.process import free_port, hanging


class Database:
    """An embedded server that can go away and come back on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._server: Embedded | None = None
        self.uri = f"mongodb://127.0.0.1:{self._port}/?replicaSet=secantus&retryWrites=false"

    def start(self) -> None:
        assert self._server is None
        self._server = Embedded(self._folder, port=self._port)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        os.killpg(self.group, signal.SIGKILL)
        self.stop()

    @property
    def group(self) -> int:
        assert self._server is not None
        return self._server._process.pid

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        with hanging(self.group):
            yield
