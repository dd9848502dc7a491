"""The store of idempotency keys: a record for each, with the answer to the request that used it."""

from collections.abc import Sequence

from msgspec import Struct
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, Document, Session, is_mongomock
from leads_api.mongo.faults import is_conflict
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.recording import COLLECTION, KeyInUse
from leads_api.mongo.server_time import ServerClock

SCHEMA_VERSION = 2
"""The schema version of new records."""
KEPT_SECONDS = 24 * 3600

INDEXES = {COLLECTION: [Index("created", (("created", 1),), expire_seconds=KEPT_SECONDS)]}
STEPS = {COLLECTION: [Step(2)]}
SHARD_KEYS = {COLLECTION: {"_id": "hashed"}}


class Seen(Struct, frozen=True, gc=False):
    """What is known of a record without reading its answer."""

    fingerprint: bytes
    size: int
    """The bytes of the answer."""


class Recorded(Struct, frozen=True, gc=False):
    """The answer that a request was given first."""

    status: int
    headers: dict[str, str]
    body: bytes


class IdempotencyStore:
    """Reads and inserts the records. A record is never changed; the server removes it after KEPT_SECONDS."""

    def __init__(self, database: Database) -> None:
        self._records = database[COLLECTION]
        # A replay must not show what an election may still roll back.
        majority = None if is_mongomock(database.client) else ReadConcern("majority")
        self._acknowledged = database.get_collection(COLLECTION, read_concern=majority)
        self._clock = ServerClock(database)
        self._reads = Batcher(self._find_all, gathers=True)

    async def find(self, identity: str) -> Seen | None:
        """Return what is known of a record. Concurrent look-ups share one call."""
        return await self._reads(identity)

    async def read(self, identity: str) -> Recorded | None:
        """Return the answer of a record."""
        found = await self._acknowledged.find_one({"_id": identity})
        return None if found is None else Recorded(found["status"], found["headers"], found["body"])

    async def is_written(self, identity: str) -> bool:
        """Return whether there is a record, possibly one that a majority has not acknowledged yet.

        What else its transaction has written shows at the same moment.
        """
        return await self._records.find_one({"_id": identity}, {"_id": 1}) is not None

    async def drain(self) -> None:
        """Wait until no look-up is in progress."""
        await self._reads.drain()

    async def record(self, identity: str, fingerprint: bytes, answer: Recorded) -> Document:
        """Return the document of a new record."""
        return {
            "_id": identity,
            "fingerprint": fingerprint,
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body,
            "size": len(answer.body),
            # The server's time: it is the server that removes the record.
            "created": await self._clock.now(),
            "schema_version": SCHEMA_VERSION,
        }

    async def insert(self, records: Sequence[Document], session: Session) -> None:
        """Insert records as part of a transaction. Raises KeyInUse if there is one already, or another is inserted."""
        try:
            await (
                self._records.insert_one(records[0], session=session)
                if len(records) == 1
                else self._records.insert_many(records, session=session)
            )
        except OperationFailure as error:
            if is_conflict(error):
                raise KeyInUse from error
            raise

    async def _find_all(self, identities: list[str]) -> list[Seen | Exception | None]:
        wanted = identities[0] if len(identities) == 1 else {"$in": list(set(identities))}
        found = self._acknowledged.find({"_id": wanted}, {"fingerprint": 1, "size": 1})
        seen = {record["_id"]: Seen(record["fingerprint"], record["size"]) async for record in found}
        return [seen.get(identity) for identity in identities]
