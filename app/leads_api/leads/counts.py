"""Counts the leads that match a filter (contract, "List": `total`). Requests of the same moment share a count."""

import asyncio
from contextvars import Context
from time import monotonic
from typing import Any

from leads_api.mongo.batching import SingleFlight
from leads_api.mongo.client import Collection, deadline_at, until
from leads_api.mongo.concurrency import ConcurrencyLimits, Turns
from leads_api.tasks import end

EXACT_UP_TO = 10_000
COUNT_SECONDS = 5.0
FAR_ABOVE = 5 * EXACT_UP_TO
"""No more than the difference to EXACT_UP_TO is deleted within COUNT_SECONDS."""
DOUBTED_SECONDS = 1.0
"""The age from which a cached total is dropped if a page contradicts it."""
FULL_AT_ONCE = 2
"""Concurrent full counts per process; each may read millions of index entries."""
_REMEMBERED = 1000
_ALL = {"_id": {"$gt": 0}}
"""Matches all leads. With this condition the server counts index entries; without one, it reads every document."""


class Counts:
    """Bounded counts: exact up to EXACT_UP_TO; above, at most COUNT_SECONDS old, and at most FULL_AT_ONCE at a time.

    All requests within COUNT_SECONDS share the result of a full count, even if it has failed: a count that takes longer
    than the deadline of requests must not be repeated all the time. A full count that waits for its turn is given up
    when nobody waits for it any more.
    """

    def __init__(self, leads: Collection, concurrency: ConcurrencyLimits) -> None:
        self._leads = leads
        self._concurrency = concurrency
        self._some = SingleFlight(self._count_some, queue="counts")
        self._full: dict[str, _FullCount] = {}
        self._turns = Turns(FULL_AT_ONCE, "full counts")

    async def of(self, query: dict[str, Any]) -> int:
        """Return how many leads match a filter."""
        key = repr(query)
        query = query or _ALL
        if (known := self._full.get(key)) is not None and not known.is_old:
            total = await self._result(key, known)
            if total > FAR_ABOVE:
                return total
        # A cached total must not hide that deletions have made the total exact again.
        if (some := await self._some(key.encode(), query)) <= EXACT_UP_TO:
            return some
        if (known := self._full.get(key)) is None or known.is_old:
            known = self._begin(key, query)
        return await self._result(key, known)

    def doubt(self, query: dict[str, Any], exact: int | None = None) -> None:
        """Drop the cached total of a filter if it is older than DOUBTED_SECONDS and is not `exact`."""
        known = self._full.get(repr(query))
        if known is None or not known.task.done() or known.age <= DOUBTED_SECONDS:
            return
        if known.task.exception() is None and known.task.result() != exact:
            del self._full[repr(query)]

    async def end(self) -> None:
        """Cancel the full counts in progress, and wait for the others."""
        await end(*(count.task for count in self._full.values()))
        await self._some.drain()

    async def _count_some(self, query: dict[str, Any]) -> int:
        async with self._concurrency.lists:
            return await self._leads.count_documents(query, limit=EXACT_UP_TO + 1)

    def _begin(self, key: str, query: dict[str, Any]) -> "_FullCount":
        if len(self._full) >= _REMEMBERED:
            self._full = {key: count for key, count in self._full.items() if not count.is_old}
        count = self._full[key] = _FullCount()
        # In a new context: the deadline of the caller that starts the count must not apply to the other callers.
        count.task = asyncio.create_task(self._count(count, query), context=Context())
        count.task.add_done_callback(_retrieve)
        return count

    async def _result(self, key: str, count: "_FullCount") -> int:
        count.until = max(count.until, until())
        count.waiting += 1
        try:
            return await asyncio.shield(count.task)
        finally:
            count.waiting -= 1
            if count.began is None and count.waiting == 0:
                count.task.cancel()
                if self._full.get(key) is count:
                    del self._full[key]

    async def _count(self, count: "_FullCount", query: dict[str, Any]) -> int:
        async with self._turns.turn(lambda: count.until):
            count.began = monotonic()
            with deadline_at(count.until):
                return await self._leads.count_documents(query)


class _FullCount:
    """One full count of a filter."""

    def __init__(self) -> None:
        self.task: asyncio.Task[int]
        self.began: float | None = None
        self.waiting = 0
        """How many requests wait for the result."""
        self.until = 0.0
        """The latest deadline of these requests."""

    @property
    def age(self) -> float:
        """Return the seconds since the count began."""
        return 0.0 if self.began is None else monotonic() - self.began

    @property
    def is_old(self) -> bool:
        """Return whether the result has expired."""
        return self.task.done() and self.age >= COUNT_SECONDS


def _retrieve(task: asyncio.Task[int]) -> None:
    if not task.cancelled():
        task.exception()  # marks it as retrieved: all callers may have been cancelled
