"""What a process holds: memory, threads, sockets, tasks of its event loop, sessions of its database."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import msgspec

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
_PATIENCE = 10.0


class Inside(msgspec.Struct):
    """What `served` tells."""

    tasks: int
    sessions: int


class Held(NamedTuple):
    """What the process holds at a moment, in seconds since the watch began."""

    moment: float
    memory_mb: float
    threads: float
    sockets: float
    """Without those of the load's own connections."""
    tasks: float
    sessions: float


class Watch:
    """Looks at a process again and again."""

    def __init__(self, pid: int, inside: Path, callers: Callable[[], int]) -> None:
        """`inside` is the file that the process writes when it is asked to; `callers` counts those connected to it."""
        self._pid = pid
        self._inside = inside
        self._callers = callers
        self._began = monotonic()

    async def look(self) -> Held:
        """Look once."""
        self._inside.unlink(missing_ok=True)
        os.kill(self._pid, signal.SIGUSR1)
        until = monotonic() + _PATIENCE
        while not self._inside.exists() and monotonic() < until:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
        inside = msgspec.json.decode(self._inside.read_bytes(), type=Inside)
        process = Path(f"/proc/{self._pid}")
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        return Held(
            round(monotonic() - self._began, 1),
            round(int((process / "statm").read_text().split()[1]) * _PAGE_MB, 1),
            int(status["Threads"]),
            max(0, sum(_is_socket(each) for each in (process / "fd").iterdir()) - self._callers()),
            inside.tasks,
            inside.sessions,
        )

    @asynccontextmanager
    async def every(self, seconds: float) -> AsyncIterator[list[Held]]:
        """Look every so many seconds, until the block ends; yields what was seen."""
        held: list[Held] = []

        async def again() -> None:
            while True:
                held.append(await self.look())
                await asyncio.sleep(seconds)

        looking = asyncio.create_task(again())
        try:
            yield held
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


def _is_socket(path: Path) -> bool:
    try:
        return str(path.readlink()).startswith("socket:")
    except OSError:  # it was closed
        return False
