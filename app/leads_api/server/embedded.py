"""The embedded database server: SecantusDB as a separate process on loopback, with its files in the data folder.

It supports MongoDB's wire protocol and transactions. Use it to try the service, for development and for tests.
"""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from leads_api.mongo.client import process_at
from leads_api.server import children

START_SECONDS = 30.0
STOP_SECONDS = 30.0
HISTORY_SECONDS = 7 * 24 * 3600
"""How long change streams reach back. By default it is an hour, and a service may be stopped for longer."""
HISTORY_ENTRIES = 100_000
"""How many writes change streams reach back. The server reads all of them when a stream is opened."""
_RECORD = "embedded.json"
_STORE = "store"

_log = logging.getLogger("leads.embedded")


class CannotStart(Exception):  # noqa: N818 - named as the failures are
    """The embedded server is not installed or did not start; the message says what to do."""


def _command() -> str:
    beside = Path(sys.executable).parent / "secantusd-py"
    found = str(beside) if beside.exists() else shutil.which("secantusd-py")
    if found is None:
        raise CannotStart(
            "The embedded server is not installed: install the extra `embedded` of leads-api, or set LEADS_MONGODB_URI."
        )
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, group: int) -> bool:
    """Return whether the server on a port is of a process group, and no stranger."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    process = process_at(port)
    with suppress(ProcessLookupError):
        return process is not None and os.getpgid(process) == group
    return False


def _uri(port: int) -> str:
    # With retryWrites, every write takes milliseconds once the server has executed 10 000 of them.
    return f"mongodb://127.0.0.1:{port}/?replicaSet=secantus&retryWrites=false"


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Embedded:
    """A running server. It ends with `stop`, or when the process that started it ends, even if that is killed."""

    def __init__(self, folder: Path, *, port: int | None = None, history_entries: int = HISTORY_ENTRIES) -> None:
        """Start the server and wait until it accepts connections. Raises CannotStart."""
        self._command = _command()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "embedded.log").touch()
        except OSError as error:
            raise CannotStart(
                f"Cannot use the data folder {folder} ({error.strerror}): set LEADS_DATA_DIR or LEADS_MONGODB_URI."
            ) from None
        self._folder = folder
        self._history_entries = history_entries
        self._record = folder / _RECORD
        self._log = folder / "embedded.log"
        self.port = port or _free_port()
        self.uri = _uri(self.port)
        self._process = self._spawn()
        try:
            self._wait()
        except BaseException:
            self._end()  # the record stays: it belongs to another server
            raise
        self._note()
        self._stopping = Event()
        self._watch: Thread | None = None

    def _note(self) -> None:
        """Record how other processes find the server, and how they know that it is this one."""
        record = {"port": self.port, "owner": os.getpid(), "group": self._process.pid, "store": _identity(self._folder)}
        draft = self._record.with_name(f"{_RECORD}.{os.getpid()}")
        draft.write_text(json.dumps(record))
        draft.replace(self._record)

    def keep_running(self) -> None:
        """From now on, restart the server when it ends unexpectedly; if that fails, end this process."""
        self._watch = Thread(target=self._restart, daemon=True)
        self._watch.start()

    def _restart(self) -> None:
        while True:
            status = self._process.wait()
            if self._stopping.is_set():
                return
            _log.error("the embedded database ended with status %s; it is started again", status)
            self._ended()  # which closes the pipe to it
            self._process = self._spawn()
            try:
                self._wait()
            except CannotStart as error:
                _log.error("%s The service stops.", error)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            self._note()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not _answers(self.port, self._process.pid):
            if time.monotonic() > until or (self._ended() and not self._is_left_behind()):
                raise CannotStart(
                    f"The embedded server did not start; see {self._log}. Is another server using {self._folder}, or"
                    f" another program port {self.port}?"
                )
            if self._ended():  # the server of a killed process is still shutting down and holds the files
                self._process = self._spawn()
            time.sleep(0.05)

    def _spawn(self) -> subprocess.Popen[bytes]:
        arguments = [
            self._command, "--host", "127.0.0.1", "--port", str(self.port), "--storage-path",
            str(self._folder / _STORE), "--sync-on-commit", "--log-level", "WARNING",
            "--oplog-retention-seconds", str(HISTORY_SECONDS), "--oplog-max-entries", str(self._history_entries),
        ]  # fmt: skip
        # It ends with this process, so no orphan holds the files. Ctrl-C reaches the service only, which then stops it.
        with self._log.open("ab") as output:
            return children.start(arguments, stdout=output, stderr=output)

    def _ended(self) -> bool:
        if self._process.poll() is None:
            return False
        if self._process.stdin is not None:
            self._process.stdin.close()
        return True

    def _is_left_behind(self) -> bool:
        """Return whether the process that started the folder's last server is gone."""
        try:
            return not _alive(int(json.loads(self._record.read_text())["owner"]))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def stop(self) -> None:
        """Stop the server and wait until it has written everything."""
        self._stopping.set()
        self._record.unlink(missing_ok=True)
        self._end()
        if self._watch is not None:
            self._watch.join(START_SECONDS)
            self._end()  # it may have been restarted meanwhile

    def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def has_data(folder: Path) -> bool:
    """Return whether a folder contains the files of an embedded server."""
    return (folder / _STORE).is_dir()


def _identity(folder: Path) -> list[int]:
    """Return what tells the files of a folder from copies of them."""
    found = (folder / _STORE).stat()
    return [found.st_dev, found.st_ino]


def _running(folder: Path) -> int | None:
    """Return the port of a data folder's running server. Its record may be stale, or copied from another folder."""
    try:
        record = json.loads((folder / _RECORD).read_text())
        port, group = int(record["port"]), int(record["group"])
        return port if record["store"] == _identity(folder) and _answers(port, group) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def attached(folder: Path) -> Iterator[str]:
    """Yield the URI of a data folder's server: the running one, or one that is started for the block."""
    if (port := _running(folder)) is not None:
        yield _uri(port)
        return
    with Embedded(folder) as server:
        yield server.uri
