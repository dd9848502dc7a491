"""Updates of single documents of one collection, each independent of the others.

Concurrent ones share a transaction (docs/decisions/0032-updates-share-transactions.md).
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any

from bson.errors import InvalidDocument
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import OperationFailure

from leads_api.errors import Unavailable
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Collection, Document, Session, is_mongomock, is_sharded
from leads_api.mongo.concurrency import ConcurrencyLimits, Record
from leads_api.mongo.transaction import Transact
from leads_api.telemetry.metrics import Counter

MOST = 32
"""Updates in one transaction. With more, each costs hardly less. A killed process leaves so many documents locked."""
PATIENCE_SECONDS = 0.05
"""How long the next batch waits for updates that go alone. They may wait for a lock."""

Outcome = Document | None
"""The document after an update, or an empty one if it is not wanted; None if no document matched."""

_APART = Counter("leads_updates_apart_total", "Batches of changes that were given up, so that each change went alone.")


class _Apart(Exception):  # noqa: N818 - named as the failures are
    """The updates cannot be made together. Nothing was written."""


class _Update:
    """An update of a document, which gives it a `change` that no other update gives."""

    __slots__ = ("change", "context", "filter", "is_gone", "record_id", "returns", "task", "update")

    def __init__(self, record_id: int, where: Document, update: Document, *, returns: bool) -> None:
        """`returns` is whether the document after it is wanted."""
        self.record_id = record_id
        self.filter = {"_id": record_id, **where}
        self.update = update
        self.change = update["$set"]["change"]
        self.returns = returns
        self.context = copy_context()
        """The caller's, with its deadline and its trace."""
        self.is_gone = False
        """Whether the caller was cancelled."""
        self.task: asyncio.Task[Outcome] | None = None
        """What runs it, if it goes alone."""


class Updates:
    """Runs updates. Those that wait at the same moment share a transaction; each has an outcome of its own.

    A transaction, because an update outside of one waits where another transaction has locked its document, and those
    beside it would wait, too. Inside of one it fails at once, and then each goes on alone.
    """

    def __init__(
        self, collection: Collection, projection: Document, concurrency: ConcurrencyLimits, transact: Transact
    ) -> None:
        """`projection` is that of the documents that are returned."""
        self._collection = collection
        self._projection = projection
        self._concurrency = concurrency
        self._transact = transact
        self._batches: Batcher[_Update, asyncio.Task[Outcome] | Outcome] = Batcher(
            self._perform, writes=True, gathers=True, most=MOST, queue="lead_updates"
        )
        self._alone: set[asyncio.Task[Outcome]] = set()

    async def find_and_update(self, record_id: int, where: Document, update: Document) -> Document | None:
        """Update a document, and return it as it is after that; None if no document with this id matches `where`."""
        return await self._run(_Update(record_id, where, update, returns=True))

    async def update(self, record_id: int, where: Document, update: Document) -> bool:
        """Update a document; return whether there was one with this id that matches `where`."""
        return await self._run(_Update(record_id, where, update, returns=False)) is not None

    async def drain(self) -> None:
        """Wait until no update is in progress."""
        await self._batches.drain()
        if self._alone:
            await asyncio.wait(self._alone)

    async def _run(self, update: _Update) -> Outcome:
        # So a batch has one update of a document at most, and none of a document that this process has locked.
        async with self._concurrency.record((self._collection.name, update.record_id)):
            try:
                outcome = await self._batches(update)
                return await outcome if isinstance(outcome, asyncio.Task) else outcome
            except asyncio.CancelledError:
                update.is_gone = True
                if update.task is not None:
                    update.task.cancel()
                raise

    async def _perform(self, updates: list[_Update]) -> list[asyncio.Task[Outcome] | Outcome | Exception]:
        if len(updates) > 1 and self._can_share():
            shared = _Shared(self._collection, self._projection, updates)
            try:
                return [*await self._transact(shared.work, records=shared.records, committed=shared.committed)]
            except (_Apart, Unavailable):  # Unavailable: there was no turn for a transaction in time
                _APART.add()
        tasks = [self._begin(update) for update in updates if not update.is_gone]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        return [update.task for update in updates]

    def _can_share(self) -> bool:
        """Return whether transactions are as good as single updates, which is not so on several shards."""
        client: Any = self._collection.database.client
        return not is_mongomock(client) and not is_sharded(client)

    def _begin(self, update: _Update) -> asyncio.Task[Outcome]:
        update.task = task = asyncio.create_task(self._run_alone(update), context=update.context)
        self._alone.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Outcome]) -> None:
        self._alone.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have been cancelled

    async def _run_alone(self, update: _Update) -> Outcome:
        async with self._concurrency.changes:
            if not update.returns:
                result = await self._collection.update_one(update.filter, update.update)
                return {} if result.matched_count else None
            document: Outcome = await self._collection.find_one_and_update(
                update.filter, update.update, projection=self._projection, return_document=ReturnDocument.AFTER
            )
            return document


class _Shared:
    """A transaction of several updates."""

    def __init__(self, collection: Collection, projection: Document, updates: Sequence[_Update]) -> None:
        self._collection = collection
        self._projection = projection
        self._updates = updates
        self._changes = {update.record_id: update.change for update in updates}
        self._matched: set[int] = set()
        self.records: list[Record] = []
        """Empty at first: those who wait for the updates hold their records."""

    async def work(self, session: Session) -> list[Outcome]:
        """Make the updates. Raises _Apart if the database or the driver refuses one of them."""
        self.records[:] = [(self._collection.name, record_id) for record_id in self._changes]
        try:
            return await self._update(session)
        except (OperationFailure, InvalidDocument, OverflowError) as error:
            if isinstance(error, OperationFailure) and error.timeout:
                raise
            raise _Apart from error

    async def committed(self, session: Session) -> list[Outcome] | None:
        """Return the outcomes if an earlier try was committed."""
        # Any of them shows it: others may have changed or deleted some since.
        return await self._outcomes(session) if await self._ours(session) else None

    async def _update(self, session: Session) -> list[Outcome]:
        requests = [UpdateOne(update.filter, update.update) for update in self._updates]
        result = await self._collection.bulk_write(requests, ordered=False, session=session)
        is_all = result.matched_count == len(self._updates)
        self._matched = set(self._changes) if is_all else await self._ours(session)
        return await self._outcomes(session)

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
