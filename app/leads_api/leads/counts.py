"""How many leads a filter finds (contract, "List": `total`)."""

import asyncio
from contextvars import Context
from time import monotonic
from typing import Any

from leads_api.mongo.client import Collection, deadline
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.tasks import end

EXACT_UP_TO = 10_000
COUNT_SECONDS = 5.0
DOUBTED_SECONDS = 1.0
"""How old a total must be to be counted again because a page does not agree with it."""
FULL_AT_ONCE = 2
"""Full counts that one process has under way: each may read millions of entries of an index."""
_REMEMBERED = 1000
_ALL = {"_id": {"$gt": 0}}
"""Counts entries of an index, where no condition at all makes the server read every document."""


class Counts:
    """Counts that stay cheap: exact up to 10 000; beyond, up to 5 seconds old, and not more than two at a time.

    A full count is everyone's who asks for it within those seconds, also if it has failed: what takes longer than a
    request may is not begun again and again.
    """

    def __init__(self, leads: Collection, concurrency: ConcurrencyLimits, *, seconds: float) -> None:
        """Bound each full count to so many seconds."""
        self._leads = leads
        self._concurrency = concurrency
        self._seconds = seconds
        self._full: dict[str, _FullCount] = {}
        self._full_limit = asyncio.Semaphore(FULL_AT_ONCE)

    async def of(self, query: dict[str, Any]) -> int:
        """Return how many leads a filter finds."""
        key = repr(query)
        query = query or _ALL
        if (known := self._full.get(key)) is None or known.is_old:
            async with self._concurrency.lists:
                some = await self._leads.count_documents(query, limit=EXACT_UP_TO + 1)
            if some <= EXACT_UP_TO:
                return some
            if (known := self._full.get(key)) is None or known.is_old:
                known = self._begin(key, query)
        return await asyncio.shield(known.task)

    def doubt(self, query: dict[str, Any]) -> None:
        """Count anew when the same filter comes again, unless that was done just now."""
        known = self._full.get(repr(query))
        if known is not None and known.task.done() and known.age > DOUBTED_SECONDS:
            del self._full[repr(query)]

    async def end(self) -> None:
        """Give up what is being counted."""
        await end(*(count.task for count in self._full.values()))

    def _begin(self, key: str, query: dict[str, Any]) -> "_FullCount":
        if len(self._full) >= _REMEMBERED:
            self._full = {key: count for key, count in self._full.items() if not count.is_old}
        count = self._full[key] = _FullCount()
        # In a context of its own: the deadline of the caller who happens to begin it is not that of the others.
        count.task = asyncio.create_task(self._count(count, query), context=Context())
        count.task.add_done_callback(_retrieve)
        return count

    async def _count(self, count: "_FullCount", query: dict[str, Any]) -> int:
        async with self._full_limit:
            count.began = monotonic()
            with deadline(self._seconds):
                return await self._leads.count_documents(query)


class _FullCount:
    """One count of all that a filter finds."""

    def __init__(self) -> None:
        self.task: asyncio.Task[int]
        self.began: float | None = None

    @property
    def age(self) -> float:
        """Return the seconds since it began."""
        return 0.0 if self.began is None else monotonic() - self.began

    @property
    def is_old(self) -> bool:
        """Tell whether its result serves nobody any more."""
        return self.task.done() and self.age >= COUNT_SECONDS


def _retrieve(task: asyncio.Task[int]) -> None:
    if not task.cancelled():
        task.exception()  # its callers may have gone: then nobody else asks for it
