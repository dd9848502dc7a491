"""The deadline of requests: one timer for all of them."""

import asyncio
from types import TracebackType
from typing import Any

from leads_api.errors import Failure

_TICKS = 20
"""How often within the deadline it is looked for requests that are over it."""


class Deadlines:
    """Cancels the task of a request that takes too long.

    All requests have the same deadline, so they come to it in the order in which they began, and one timer that looks
    now and then will do. It is used as `asyncio.timeout` is, which has a timer for each: that is a tenth of a GET.
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

    def __enter__(self) -> None:
        """Watch the current task, to the end of the block."""
        loop = asyncio.get_running_loop()
        self._running[_current_task()] = loop.time() + self._limit
        if self._watching is not loop:
            self._watching = loop
            loop.call_later(self._tick, self._look, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch it no longer. Raises TimeoutError in place of the cancellation if that was for the deadline.

        What is cancelled may end by another error, such as one of a driver's lock. That is the deadline's as well,
        unless it is an answer.
        """
        task = _current_task()
        del self._running[task]
        if task in self._cancelled:
            self._cancelled.discard(task)
            if task.uncancel() == 0 and error is not None and not isinstance(error, Failure):
                raise TimeoutError from error

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


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # servers run each request in a task
    return task
