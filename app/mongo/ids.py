"""Ids: positive integers, counted up per kind, never given twice."""

from pymongo import ReturnDocument

from app.mongo.client import Database, NotSetUp
from app.mongo.faults import Duplicate


class Ids:
    """The counters, one document for each kind of record."""

    def __init__(self, database: Database) -> None:
        self._counters = database["counters"]

    async def take(self, kind: str, count: int = 1) -> int:
        """Return the next id, or the last of so many. Not in a transaction: there, all creates would wait in line."""
        counter = await self._counters.find_one_and_update(
            {"_id": kind}, {"$inc": {"last": count}}, return_document=ReturnDocument.AFTER
        )
        if counter is None:
            raise NotSetUp
        last: int = counter["last"]
        return last

    async def begin(self, lasts: dict[str, int]) -> None:
        """Create the counters that are missing, so that none is ever created by two callers at once."""
        for kind, last in lasts.items():
            try:
                await self._counters.update_one({"_id": kind}, {"$setOnInsert": {"last": last}}, upsert=True)
            except Duplicate:  # another process was faster
                continue
