"""The store of events."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from leads_api.catalog.cache import Catalog
from leads_api.clock import UNKNOWN
from leads_api.events.model import GAP, Event, event_of
from leads_api.memory import Memory
from leads_api.mongo.batching import DUPLICATE_KEY
from leads_api.mongo.change_streams import Position
from leads_api.mongo.client import Database, Document, is_mongomock
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.indexes import Index, Indexes
from leads_api.mongo.migrations import Step
from leads_api.mongo.positions import LostLease

COLLECTION = "events"
SCHEMA_VERSION = 2
"""The schema version of new documents."""
STEPS = {COLLECTION: [Step(2)]}

KEPT_DAYS = 7
_DAY_SECONDS = 24 * 3600


def indexes(days: int) -> Indexes:
    """Return the indexes. By one of them, the server removes events after some days."""
    return {
        COLLECTION: [
            Index("lead", (("lead_id", 1), ("_id", 1))),
            Index("type", (("type", 1), ("_id", 1))),
            Index("written", (("written", 1),), expire_seconds=days * _DAY_SECONDS),
        ]
    }


INDEXES = indexes(KEPT_DAYS)
_SHOWN = {"token": 0, "written": 0}
_PLACE = {"token": 1, "start": 1}


class EventStore:
    """Reads and inserts events. An event is never changed.

    Events become visible in the order of their ids, which increase by one. Each is written by a relay that has read, or
    written, the one before it. If two relays write the same id, the second one is refused, and reads again.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        concurrency: ConcurrencyLimits,
        memory: Memory,
        *,
        max_page_bytes: int,
    ) -> None:
        """Limit the leads of a page to about `max_page_bytes`.

        `concurrency` limits lists, `memory` what they take until they have been sent.
        """
        # Not what an election may still roll back: another event would get its id, and a reader would miss that one.
        majority = None if is_mongomock(database.client) else ReadConcern("majority")
        self._events = database[COLLECTION]
        self._committed = database.get_collection(COLLECTION, read_concern=majority)
        self._catalog = catalog
        self._concurrency = concurrency
        self._memory = memory
        self._max_page_bytes = max_page_bytes

    async def after(
        self, event_id: int, limit: int, *, kind: str | None = None, lead_id: int | None = None
    ) -> list[Event]:
        """Return the events behind an id, in order. If they are large, there are fewer than `limit`; at least one."""
        return await self._shown((await self._after(event_id, limit, kind, lead_id))[0])

    async def page(self, event_id: int, limit: int, kind: str | None, lead_id: int | None) -> list[Event]:
        """Return the events behind an id for a request, like `after`."""
        async with self._concurrency.lists:
            found, size = await self._after(event_id, limit, kind, lead_id)
            await self._memory.hold(size)
        return await self._shown(found)

    async def _after(
        self, event_id: int, limit: int, kind: str | None, lead_id: int | None
    ) -> tuple[list[Document], int]:
        wanted: Document = {"_id": {"$gt": event_id}}
        if kind is not None:
            wanted["type"] = {"$in": [kind, GAP]}
        if lead_id is not None:
            wanted["lead_id"] = {"$in": [lead_id, None]}  # a gap has no lead
        found: list[Document] = []
        size = 0
        async for document in self._committed.find(wanted, _SHOWN).sort("_id", 1).limit(limit):
            more = len(document.get("lead") or "")
            if found and size + more > self._max_page_bytes:
                break
            found.append(document)
            size += more
        return found, size

    async def _shown(self, documents: list[Document]) -> list[Event]:
        return await self._catalog.show(lambda settings: [event_of(document, settings) for document in documents])

    async def append(self, events: Sequence[Document]) -> None:
        """Insert events behind the last one. Raises LostLease if another relay has written one of them.

        Those before that one are written then, and every one has the token from which to go on.
        """
        try:
            await self._events.insert_many(events, ordered=True)
        except BulkWriteError as error:
            if any(fault.get("code") == DUPLICATE_KEY for fault in error.details.get("writeErrors", ())):
                raise LostLease from error
            raise

    async def position(self, known: Position) -> Position:
        """Return where the last event ends, or a position that is known, if it is not before that."""
        found = await self._committed.find_one({"_id": {"$gt": known.last}}, _PLACE, sort=[("_id", -1)])
        return known if found is None else Position(found.get("token"), found.get("start"), found["_id"])

    async def last_of(self, lead_id: int) -> tuple[str | None, int | None]:
        """Return the type and version of a lead's last event; None and None without one."""
        found: Document | None = await self._events.find_one({"lead_id": lead_id}, sort=[("_id", -1)])
        return (None, None) if found is None else (found["type"], found.get("version"))

    async def gaps(self) -> list[datetime]:
        """Return when each gap was noticed of which the event is kept, in order."""
        found = self._committed.find({"type": GAP}, {"at": 1}).sort("_id", 1)
        return [document.get("at") or UNKNOWN async for document in found]

    async def last_id(self) -> int:
        """Return the id of the last event; 0 if there is none."""
        found: Document | None = await self._committed.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return 0 if found is None else int(found["_id"])
