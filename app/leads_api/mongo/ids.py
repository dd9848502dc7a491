"""Ids of records: positive integers from one counter per kind. No id is used twice."""

from collections import defaultdict
from functools import partial
from time import monotonic

from pymongo import ReturnDocument

from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, NotSetUp
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.migrations import Step

SCHEMA_VERSION = 2
"""The schema version of new counters."""
STEPS = {"counters": [Step(2)]}
AHEAD = 32
"""How many ids a shared increment takes ahead for each who shares it. A caller who is alone leaves no gap."""
AHEAD_SECONDS = 1.0
"""How long ids that were taken ahead may be used. So those of several processes are nearly in the order of creation."""


class _Reserve:
    """The ids from `next` to `last` that were taken ahead, until a moment."""

    __slots__ = ("last", "next", "until")

    def __init__(self) -> None:
        self.next = 1
        self.last = 0
        self.until = 0.0

    def fill(self, first: int, last: int) -> None:
        self.next, self.last, self.until = first, last, monotonic() + AHEAD_SECONDS

    def take(self, count: int) -> int | None:
        """Return the last of the next `count` ids, or None if there are too few."""
        last = self.next + count - 1
        if last > self.last or monotonic() > self.until:
            return None
        self.next = last + 1
        return last


class Ids:
    """The counters, one document for each kind of record.

    Concurrent requests share one increment (batching), which also takes ids ahead for those who come next.
    """

    def __init__(self, database: Database) -> None:
        self._counters = database["counters"]
        self._steps: dict[str, Batcher[int, int]] = {}
        self._reserves: defaultdict[str, _Reserve] = defaultdict(_Reserve)

    async def take(self, kind: str, count: int = 1) -> int:
        """Return the next id, or the last of the next `count` ids. Raises NotSetUp.

        Do not call it in a transaction: it would lock the counter, and all creates would wait for the transaction.
        """
        if (last := self._reserves[kind].take(count)) is not None:
            return last
        if (step := self._steps.get(kind)) is None:
            step = self._steps[kind] = Batcher(partial(self._step, kind), queue="ids")
        return await step(count)

    async def drain(self) -> None:
        """Wait until no increment is in progress."""
        for step in self._steps.values():
            await step.drain()

    async def begin(self, lasts: dict[str, int]) -> None:
        """Create the missing counters, so that no two callers ever create the same one concurrently."""
        for kind, last in lasts.items():
            new = {"last": last, "schema_version": SCHEMA_VERSION}
            try:
                await self._counters.update_one({"_id": kind}, {"$setOnInsert": new}, upsert=True)
            except Duplicate:  # another process was faster
                continue

    async def _step(self, kind: str, counts: list[int]) -> list[int | Exception]:
        ahead = AHEAD * len(counts) if len(counts) > 1 else 0
        counter = await self._counters.find_one_and_update(
            {"_id": kind}, {"$inc": {"last": sum(counts) + ahead}}, return_document=ReturnDocument.AFTER
        )
        if counter is None:
            raise NotSetUp
        last = counter["last"] - ahead - sum(counts)
        self._reserves[kind].fill(counter["last"] - ahead + 1, counter["last"])
        return [last := last + count for count in counts]
