"""Updates of single documents of one collection, each independent of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from leads_api.mongo.client import Collection, Document, Session
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.sharing import Shared, Sharing, Write
from leads_api.mongo.transaction import Transact

Outcome = Document | None
"""The document after an update, or an empty one if it is not wanted; None if no document matched."""


class _Update(Write):
    """An update of a document, which gives it a `change` that no other update gives."""

    __slots__ = ("change", "filter", "record_id", "returns", "update")

    def __init__(self, collection: str, record_id: int, where: Document, update: Document, *, returns: bool) -> None:
        """`returns` is whether the document after it is wanted."""
        super().__init__((collection, record_id))
        self.record_id = record_id
        self.filter = {"_id": record_id, **where}
        self.update = update
        self.change = update["$set"]["change"]
        self.returns = returns


class Updates:
    """Runs updates. Those that wait at the same moment share a transaction; each has an outcome of its own."""

    def __init__(
        self, collection: Collection, projection: Document, concurrency: ConcurrencyLimits, transact: Transact
    ) -> None:
        """`projection` is that of the documents that are returned."""
        self._collection = collection
        self._projection = projection
        self._concurrency = concurrency
        client: Any = collection.database.client
        self._sharing: Sharing[_Update, Outcome] = Sharing(
            client, transact, share=self._shared, alone=self._run_alone, queue="lead_updates"
        )

    async def find_and_update(self, record_id: int, where: Document, update: Document) -> Document | None:
        """Update a document, and return it as it is after that; None if no document with this id matches `where`."""
        return await self._run(_Update(self._collection.name, record_id, where, update, returns=True))

    async def update(self, record_id: int, where: Document, update: Document) -> bool:
        """Update a document; return whether there was one with this id that matches `where`."""
        return await self._run(_Update(self._collection.name, record_id, where, update, returns=False)) is not None

    async def drain(self) -> None:
        """Wait until no update is in progress."""
        await self._sharing.drain()

    async def _run(self, update: _Update) -> Outcome:
        async with self._concurrency.record(update.record):
            return await self._sharing(update)

    def _shared(self, updates: Sequence[_Update]) -> Shared[Outcome]:
        shared = _SharedUpdates(self._collection, self._projection, updates)
        return shared.work, shared.committed

    async def _run_alone(self, update: _Update) -> Outcome:
        async with self._concurrency.changes:
            if not update.returns:
                result = await self._collection.update_one(update.filter, update.update)
                return {} if result.matched_count else None
            document: Outcome = await self._collection.find_one_and_update(
                update.filter, update.update, projection=self._projection, return_document=ReturnDocument.AFTER
            )
            return document


class _SharedUpdates:
    """A transaction of several updates."""

    def __init__(self, collection: Collection, projection: Document, updates: Sequence[_Update]) -> None:
        self._collection = collection
        self._projection = projection
        self._updates = updates
        self._changes = {update.record_id: update.change for update in updates}
        self._matched: set[int] = set()

    async def work(self, session: Session) -> list[Outcome]:
        """Make the updates."""
        requests = [UpdateOne(update.filter, update.update) for update in self._updates]
        result = await self._collection.bulk_write(requests, ordered=False, session=session)
        is_all = result.matched_count == len(self._updates)
        self._matched = set(self._changes) if is_all else await self._ours(session)
        return await self._outcomes(session)

    async def committed(self, session: Session) -> list[Outcome] | None:
        """Return the outcomes if an earlier try was committed."""
        # Any of them shows it: others may have changed or deleted some since.
        return await self._outcomes(session) if await self._ours(session) else None

    async def _ours(self, session: Session) -> set[int]:
        """Return the ids of the documents whose last update is one of these."""
        found = self._collection.find({"_id": {"$in": list(self._changes)}}, {"change": 1}, session=session)
        return {each["_id"] async for each in found if each.get("change") == self._changes[each["_id"]]}

    async def _outcomes(self, session: Session) -> list[Outcome]:
        wanted = [each.record_id for each in self._updates if each.returns and each.record_id in self._matched]
        found: dict[int, Document] = {}
        if wanted:
            cursor = self._collection.find({"_id": {"$in": wanted}}, self._projection, session=session)
            found = {document["_id"]: document async for document in cursor}
        return [self._outcome(each, found) for each in self._updates]

    def _outcome(self, update: _Update, found: Mapping[int, Document]) -> Outcome:
        if update.record_id not in self._matched:
            return None
        return found.get(update.record_id) if update.returns else {}
