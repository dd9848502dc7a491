"""The memory of lists in one process: a budget, held from before long values are read until they have been sent."""

import asyncio
from collections import deque
from contextvars import ContextVar

from leads_api.errors import Unavailable

BUDGET = 48 * 1024 * 1024
"""Bytes. Less than the unsent bytes that make the server refuse all requests, so lists alone cannot cause that."""
WAIT_SECONDS = 2.0

_held: ContextVar[int] = ContextVar("held", default=0)
"""The bytes that the current request holds."""


class Memory:
    """A budget of bytes. Requests that find too little left wait in order of arrival, and are refused after a time.

    They are refused at once if those who wait need more than the whole budget.
    """

    def __init__(self, size: int = BUDGET, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._size = size
        self._free = size
        self._wait_seconds = wait_seconds
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def hold(self, size: int) -> None:
        """Hold bytes for the current request until `release`. Raises Unavailable if they do not become free in time.

        A single record may be larger than the budget, so no request needs more than all of it.
        """
        if not size:
            return
        size = min(size, self._size)
        if self._waiting or size > self._free:
            await self._turn(size)
        else:
            self._free -= size
        _held.set(_held.get() + size)

    def release(self) -> None:
        """Return what the current request holds."""
        if held := _held.get():
            _held.set(0)
            self._return(held)

    async def _turn(self, size: int) -> None:
        if sum(waiting for waiting, _ in self._waiting) > self._size:  # it is hardly used up twice in `wait_seconds`
            raise Unavailable(reason=f"too many lists wait for memory: {len(self._waiting)}")
        turn = asyncio.get_running_loop().create_future()
        waiting = size, turn
        self._waiting.append(waiting)
        try:
            await asyncio.wait([turn], timeout=self._wait_seconds)
        except asyncio.CancelledError:
            self._leave(waiting)
            raise
        if not turn.done():
            self._leave(waiting)
            raise Unavailable(reason="the lists in preparation and unsent use all of their memory")

    def _leave(self, waiting: tuple[int, asyncio.Future[None]]) -> None:
        size, turn = waiting
        if turn.done():
            self._return(size)
        else:
            self._waiting.remove(waiting)
            self._return(0)

    def _return(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)
