"""The position of the reader of a change stream, with the lease by which one process at a time reads.

The lease saves work; it does not keep what is written right, because a process may notice too late that it has lost it.
Leases use the time of the database server. No transaction writes here: that of a killed process would lock the document
for a minute, and nobody could take over.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from msgspec import Struct
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from leads_api.mongo.change_streams import Position, operation_time
from leads_api.mongo.client import CLOSE_SECONDS, Database, Document, deadline
from leads_api.mongo.migrations import Step
from leads_api.mongo.server_time import server_time

COLLECTION = "positions"
SCHEMA_VERSION = 2
"""The schema version of new documents."""
STEPS = {COLLECTION: [Step(2)]}
LEASE = timedelta(seconds=10)


class LostLease(Exception):  # noqa: N818 - named as the failures are
    """Another process has taken over."""


class Progress(Struct, frozen=True):
    """How a reader is doing."""

    silence: timedelta | None
    """How long ago the process that reads has renewed its lease; None if no process reads."""
    age: timedelta | None
    """How far the reader is behind the changes; None if that is not known."""


class Positions:
    """The position of one reader, and this process's part in its lease."""

    def __init__(self, database: Database, reader: str) -> None:
        self._database = database
        self._positions = database[COLLECTION]
        self._reader = reader
        self._owner = ObjectId()

    async def begin(self) -> None:
        """Record where to begin, unless it is known: at the present. So nothing is missed from the setup on."""
        if await self._positions.find_one({"_id": self._reader}, {"_id": 1}) is not None:
            return
        moment = await server_time(self._database)
        here = Position(None, await operation_time(self._database), 0)
        with suppress(DuplicateKeyError):  # another process was faster
            await self._positions.update_one(
                {"_id": self._reader},
                {"$setOnInsert": here.stored() | {"lease": None, "complete": moment, "schema_version": SCHEMA_VERSION}},
                upsert=True,
            )

    async def acquire(self) -> Position | None:
        """Take the lease and return the position; None if another process holds the lease."""
        moment = await server_time(self._database)
        free: list[Any] = [
            {"lease": None},
            {"lease.owner": self._owner},
            {"lease.until": {"$lt": moment}},
            {"lease.until": {"$gt": moment + 2 * LEASE}},  # no lease is that long: the clock was wrong
        ]
        found: Document | None = await self._positions.find_one_and_update(
            {"_id": self._reader, "$or": free},
            {"$set": {"lease": {"owner": self._owner, "until": moment + LEASE}}},
            return_document=ReturnDocument.AFTER,
        )
        return None if found is None else Position(found.get("token"), found.get("start"), found.get("last") or 0)

    async def renew(self, position: Position, changed: datetime | None) -> None:
        """Renew the lease, and record where the reader is. Raises LostLease.

        `changed` is the time of the last change that was read; None if there are no more changes.
        """
        moment = await server_time(self._database)
        result = await self._positions.update_one(
            {"_id": self._reader, "lease.owner": self._owner},
            {"$set": position.stored() | {"lease.until": moment + LEASE, "complete": changed or moment}},
        )
        if result.matched_count == 0:
            raise LostLease

    async def release(self, position: Position) -> None:
        """Give up the lease, if this process holds it, and record where the reader is."""
        with suppress(PyMongoError), deadline(CLOSE_SECONDS):
            await self._positions.update_one(
                {"_id": self._reader, "lease.owner": self._owner}, {"$set": position.stored() | {"lease": None}}
            )

    async def progress(self) -> Progress:
        """Return how the reader is doing, whichever process it is."""
        moment = await server_time(self._database)
        found: Document = await self._positions.find_one({"_id": self._reader}) or {}
        lease, complete = found.get("lease"), found.get("complete")
        return Progress(
            silence=None if lease is None else max(timedelta(), moment - (lease["until"] - LEASE)),
            age=None if complete is None else max(timedelta(), moment - complete),
        )
