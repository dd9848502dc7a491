"""The deadlines of requests, watched by one timer."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any

from leads_api.errors import Failure

_CHECKS_PER_DEADLINE = 20
"""How often the timer fires within the time limit of a request."""


class Deadlines:
    """Cancels the tasks of requests that take too long. A context manager, like `asyncio.timeout`.

    All requests have the same time limit, so their deadlines are in the order of their start, and one periodic timer
    is enough. `asyncio.timeout` needs a timer per request, which takes 10% of the CPU of a GET.
    """

    def __init__(self, seconds: float, look: Callable[[int, float | None], None] = lambda *_: None) -> None:
        """Cancel requests within `seconds`, at most 5% earlier.

        `look` is called each time the timer fires: with the number of requests in progress, and with how long those
        took on average that ended since the last time without an error; None if there were none.
        """
        self._interval = seconds / _CHECKS_PER_DEADLINE
        self._limit = seconds - self._interval
        self._running: dict[asyncio.Task[Any], float] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._watching: asyncio.AbstractEventLoop | None = None
        self._look = look
        self._ended = 0
        """Requests that ended without an error since the timer fired."""
        self._ends = 0.0
        """The sum of their deadlines."""

    def __len__(self) -> int:
        """Return the number of requests in progress."""
        return len(self._running)

    def __enter__(self) -> None:
        """Watch the current task until the end of the block."""
        loop = asyncio.get_running_loop()
        self._running[_current_task()] = loop.time() + self._limit
        if self._watching is not loop:
            self._watching = loop
            # In a context of its own: it lives longer than this request, whose id its log lines must not carry.
            loop.call_later(self._interval, self._check, loop, context=Context())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching the task. Raises TimeoutError if the task was cancelled because of its deadline.

        A cancelled task may end with another error, such as one of a driver's lock. This error is replaced as well,
        unless it is a Failure, which is a valid response.
        """
        task = _current_task()
        late = self._running.pop(task)
        if error is None:
            self._ended += 1
            self._ends += late
        if task in self._cancelled:
            self._cancelled.discard(task)
            if task.uncancel() == 0 and error is not None and not isinstance(error, Failure):
                raise TimeoutError from error

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        moment = loop.time()
        took = None
        if self._ended:  # on average they ended half an interval ago
            took = moment - self._interval / 2 + self._limit - self._ends / self._ended
            self._ended, self._ends = 0, 0.0
        self._look(len(self._running), took)
        for task, until in self._running.items():
            if until > moment:
                break
            if task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel()
        if self._running:
            loop.call_later(self._interval, self._check, loop)
        elif self._watching is loop:
            self._watching = None


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # servers run each request in a task
    return task
