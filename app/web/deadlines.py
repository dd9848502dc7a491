"""The deadline of requests: one timer for all of them."""

import asyncio
from typing import Any

_TICKS = 20
"""How often within the deadline it is looked for requests that are over it."""


class Deadlines:
    """Cancels the task of a request that takes too long.

    All requests have the same deadline, so they come to it in the order in which they began, and one timer that looks
    now and then will do. A timer for each (`asyncio.timeout`) costs a tenth of a GET.
    """

    def __init__(self, seconds: float) -> None:
        """A request is cancelled within so many seconds, a twentieth of them earlier at most."""
        self._tick = seconds / _TICKS
        self._limit = seconds - self._tick
        self._running: dict[asyncio.Task[Any], float] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._watching: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        """Return how many requests are under way."""
        return len(self._running)

    def begin(self) -> asyncio.Task[Any]:
        """Watch the current task from now on, until `end`; return it."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # servers run each request in a task
        self._running[task] = loop.time() + self._limit
        if self._watching is not loop:
            self._watching = loop
            loop.call_later(self._tick, self._look, loop)
        return task

    def passed(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether a task was cancelled for its deadline, and not by someone else."""
        return task in self._cancelled

    def end(self, task: asyncio.Task[Any]) -> None:
        """Watch a task no longer."""
        del self._running[task]
        if task in self._cancelled:
            self._cancelled.discard(task)
            task.uncancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        moment = loop.time()
        for task, until in self._running.items():
            if until > moment:
                break
            if task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel()
        if self._running:
            loop.call_later(self._tick, self._look, loop)
        elif self._watching is loop:
            self._watching = None
