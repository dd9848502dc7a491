"""Ids of records: positive integers from one counter per kind. No id is used twice."""

from functools import partial

from pymongo import ReturnDocument

from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, NotSetUp
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.migrations import Step

SCHEMA_VERSION = 2
"""The schema version of new counters."""
STEPS = {"counters": [Step(2)]}


class Ids:
    """The counters, one document for each kind of record. Concurrent requests share one increment (batching)."""

    def __init__(self, database: Database) -> None:
        self._counters = database["counters"]
        self._steps: dict[str, Batcher[int, int]] = {}

    async def take(self, kind: str, count: int = 1) -> int:
        """Return the next id, or the last of the next `count` ids. Raises NotSetUp.

        Do not call it in a transaction: it would lock the counter, and all creates would wait for the transaction.
        """
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
        counter = await self._counters.find_one_and_update(
            {"_id": kind}, {"$inc": {"last": sum(counts)}}, return_document=ReturnDocument.AFTER
        )
        if counter is None:
            raise NotSetUp
        last = counter["last"] - sum(counts)
        return [last := last + count for count in counts]
