"""The position of the reader of a change stream, with the lease of the one process that reads.

Whoever loses the lease can write no more: each write of the position is refused unless lease and position are as they
were. Leases use the time of the database server.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from bson import ObjectId, Timestamp
from msgspec import Struct
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from leads_api.mongo.change_streams import operation_time
from leads_api.mongo.client import CLOSE_SECONDS, Database, Document, Session, deadline
from leads_api.mongo.server_time import server_time

COLLECTION = "positions"
LEASE = timedelta(seconds=10)


class LostLease(Exception):  # noqa: N818 - named as the failures are
    """Another process has taken over."""


class Position(Struct, frozen=True):
    """Where a reader is: the token of the last change, or else the time to begin at; and the last id that it gave."""

    token: Document | None
    start: Timestamp | None
    last: int

    def stored(self) -> Document:
        """Return the fields of the document."""
        return {"token": self.token, "start": self.start, "last": self.last}


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
        here = Position(None, await operation_time(self._database), 0)
        with suppress(DuplicateKeyError):  # another process was faster
            await self._positions.update_one(
                {"_id": self._reader}, {"$setOnInsert": here.stored() | {"lease": None}}, upsert=True
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

    async def renew(self, position: Position) -> None:
        """Renew the lease, and record where the reader is. Raises LostLease."""
        until = await server_time(self._database) + LEASE
        await self._move(position.last, position.stored() | {"lease.until": until}, None)

    async def move(self, before: Position, after: Position, session: Session) -> None:
        """Move on, in the transaction that writes what was read. Raises LostLease."""
        await self._move(before.last, after.stored(), session)

    async def _move(self, last: int, values: Document, session: Session) -> None:
        result = await self._positions.update_one(
            {"_id": self._reader, "lease.owner": self._owner, "last": last}, {"$set": values}, session=session
        )
        if result.matched_count == 0:
            raise LostLease

    async def is_at(self, position: Position, session: Session) -> bool:
        """Return whether a move to a position was committed."""
        found = await self._positions.find_one({"_id": self._reader, "lease.owner": self._owner}, session=session)
        return found is not None and found.get("last") == position.last and found.get("token") == position.token

    async def release(self) -> None:
        """Give up the lease, if this process holds it."""
        with suppress(PyMongoError), deadline(CLOSE_SECONDS):
            await self._positions.update_one(
                {"_id": self._reader, "lease.owner": self._owner}, {"$set": {"lease": None}}
            )
