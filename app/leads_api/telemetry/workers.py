"""The metrics of worker processes together: each writes its own to a folder, and one that is asked reads all.

A worker writes its metrics twice a second, and before it answers with those of all. So no later answer, of whichever
worker, is behind it. What a worker has written stays when it ends.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from leads_api.telemetry import metrics
from leads_api.telemetry.metrics import Snapshot

_SUFFIX = ".json"


@contextmanager
def folder_for(workers: int) -> Iterator[Path | None]:
    """Make a private folder for the metrics of several workers, for the length of the block; None for one."""
    if workers == 1:
        yield None
        return
    with TemporaryDirectory(prefix="leads-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Together:
    """The metrics of all processes that share a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Not by the process id alone: another worker may get it later.
        self._file = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"

    def write(self) -> Snapshot:
        """Write the metrics of this process, and return them."""
        own = metrics.snapshot()
        draft = self._file.with_suffix(".draft")
        with suppress(OSError):  # a full disk must disturb no request; the others see the last ones
            draft.write_bytes(msgspec.json.encode(own))
            draft.replace(self._file)
        return own

    def read(self) -> Snapshot:
        """Return the metrics of all processes, those that have ended included."""
        living, ended = [self.write()], list[Snapshot]()
        for file in self._folder.glob(f"*{_SUFFIX}"):
            if file != self._file:
                other = msgspec.json.decode(file.read_bytes(), type=Snapshot)
                (living if _lives(other.process) else ended).append(other)
        return metrics.merged(living, ended)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError):  # of another user: its id has been given out again
        return False
    return True


together: Together | None = None
"""Those of this process, if it is one of several workers."""


def share(folder: Path) -> None:
    """Share the metrics of this process with the others of a folder, from now on."""
    global together  # noqa: PLW0603 - metrics belong to the process
    together = Together(folder)


def current() -> Snapshot:
    """Return the metrics of this process and of all that it shares them with."""
    return metrics.snapshot() if together is None else together.read()
