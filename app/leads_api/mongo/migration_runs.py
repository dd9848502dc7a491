"""Migration runs: update the documents of all collections in batches, while the service runs.

The collection `migrations` stores the progress of each run, so an interrupted run is resumed. A lease ensures that one
process at a time migrates a collection. This only saves work: each write's filter matches the document only as it was
read. Processes of earlier versions may run at the same time, so each run is repeated after an hour and after a day.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from time import monotonic

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from leads_api.mongo.client import Database, Document, deadline
from leads_api.mongo.faults import described
from leads_api.mongo.migrations import Outcome, Step, Steps, bring_up_to_date, projection
from leads_api.mongo.server_time import server_time

RECORDS = "migrations"
BATCH = 500
BATCH_SECONDS = 30.0
LEASE = timedelta(seconds=60)
"""Longer than a batch may take; renewed with each batch. Leases use the time of the database server."""
AGAIN = (timedelta(hours=1), timedelta(days=1))
"""How long after its end a run is repeated, for documents that processes of earlier versions wrote meanwhile."""
REPORT_SECONDS = 5.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 1.0
_WAIT = 1.0
_LOOK_SECONDS, _LOOK_SOON_SECONDS = 600.0, 30.0

_log = logging.getLogger("leads.migrations")


class LostLease(Exception):  # noqa: N818 - named as the failures are
    """Another process has taken over the run."""


class MigrationRuns:
    """The migration runs of one process."""

    def __init__(self, database: Database, steps: Steps) -> None:
        self._database = database
        self._records = database[RECORDS]
        self._steps = steps
        self._owner = ObjectId()
        self._warned = False

    async def note_if_new(self) -> None:
        """Record that all collections are up to date if the database has no documents yet."""
        if await self._records.find_one({}, {"_id": 1}) is not None:
            return
        for name in self._steps:
            if await self._database[name].find_one({}, {"_id": 1}) is not None:
                return
        moment, often = await server_time(self._database), len(AGAIN) + 1
        new = [
            _record(name, steps[-1].version) | {"started": moment, "finished": moment, "walks": often}
            for name, steps in self._steps.items()
        ]
        with suppress(BulkWriteError):  # another process was faster
            await self._records.insert_many(new, ordered=False)

    async def unfinished(self) -> list[str]:
        """Return the collections that may have documents of earlier versions."""
        records = {record["_id"]: record async for record in self._records.find()}
        return [
            name
            for name, steps in self._steps.items()
            if (record := records.get(name)) is None
            or record["version"] < steps[-1].version
            or (record["finished"] is None and record["version"] == steps[-1].version)
        ]

    async def keep(self) -> None:
        """Run due migrations, and check again from time to time, until cancelled."""
        while True:
            try:
                pause = _LOOK_SECONDS if await self.run_due() else _LOOK_SOON_SECONDS
            except PyMongoError as error:
                _log.warning("the migration of documents was interrupted and will be resumed: %s", described(error))
                pause = _LOOK_SOON_SECONDS
            except Exception:  # noqa: BLE001 - it is logged with its traceback and must not end the service
                _log.exception("the migration of documents failed")
                pause = _LOOK_SECONDS
            await asyncio.sleep(pause)

    async def run_due(self) -> bool:
        """Run the migrations that are due. Return whether all are finished; another process may be running one."""
        with deadline(BATCH_SECONDS):
            records = {record["_id"]: record async for record in self._records.find()}
            moment = await server_time(self._database)
        self._warn_if_later(records)
        finished = True
        for name, steps in self._steps.items():
            record = records.get(name)
            if record is not None and not _due(record, steps, moment):
                continue
            async with self._leased(name) as leased:
                if leased is None or (_due(leased, steps, moment) and await self._migrate(name, leased) is None):
                    finished = False
        return finished

    async def run_all(self) -> dict[str, Outcome]:
        """Migrate every document of every collection now, and return what was done.

        An interrupted run is resumed and then repeated, because old processes may have written to documents that it
        had already passed.
        """
        with deadline(BATCH_SECONDS):
            self._warn_if_later({record["_id"]: record async for record in self._records.find()})
        return {name: await self._run(name) for name in self._steps}

    async def _run(self, name: str) -> Outcome:
        changed = failed = 0
        while True:
            async with self._leased(name) as record:
                if record is not None:
                    if record["version"] > self._steps[name][-1].version:
                        return Outcome(changed, failed)
                    whole = record["last"] is None or record["finished"] is not None
                    outcome = await self._migrate(name, record)
                    if outcome is not None:
                        changed, failed = changed + outcome.changed, outcome.failed
                        if whole:
                            return Outcome(changed, failed)
                        continue
            _log.info("%s: another process is migrating this collection; waiting", name)
            await asyncio.sleep(_WAIT)

    @asynccontextmanager
    async def _leased(self, name: str) -> AsyncIterator[Document | None]:
        """Take the lease of a collection and yield its record; yield None if another process holds the lease."""
        with deadline(BATCH_SECONDS):
            moment = await server_time(self._database)
            with suppress(DuplicateKeyError):
                await self._records.update_one(
                    {"_id": name}, {"$setOnInsert": _record(name, self._steps[name][-1].version)}, upsert=True
                )
            record: Document | None = await self._records.find_one_and_update(
                {
                    "_id": name,
                    "$or": [
                        {"lease": None},
                        {"lease.until": {"$lt": moment}},
                        {"lease.until": {"$gt": moment + 2 * LEASE}},  # no lease is that long: the clock was wrong
                    ],
                },
                {"$set": {"lease": self._lease(moment)}},
                return_document=ReturnDocument.AFTER,
            )
        try:
            yield record
        finally:
            with suppress(PyMongoError), deadline(_WAIT):
                await self._records.update_one({"_id": name, "lease.owner": self._owner}, {"$set": {"lease": None}})

    async def _migrate(self, name: str, record: Document) -> Outcome | None:
        """Migrate a collection, from where an interrupted run stopped; None if another process has taken over."""
        steps = self._steps[name]
        version = steps[-1].version
        last, seen = record["last"], record["seen"]
        changed = failed = 0
        began = told = monotonic()
        try:
            if record["started"] is None or record["finished"] is not None or record["version"] < version:
                walks = record["walks"] if record["version"] == version else 0
                last, seen = None, 0
                moment = await server_time(self._database)
                await self._note(
                    name, _record(name, version) | {"walks": walks, "started": moment, "lease": self._lease(moment)}
                )
            elif last is not None:
                _log.info("%s: resuming after %s", name, last)
            while True:
                batch_began = monotonic()
                with deadline(BATCH_SECONDS):
                    documents = await self._page(name, last)
                    outcome = await bring_up_to_date(self._database[name], steps, documents)
                    changed, failed, seen = changed + outcome.changed, failed + outcome.failed, seen + len(documents)
                    if len(documents) < BATCH:
                        break
                    last = documents[-1]["_id"]
                    lease = self._lease(await server_time(self._database))
                    await self._note(name, {"last": last, "seen": seen, "lease": lease}, outcome.changed)
                    if monotonic() - told >= REPORT_SECONDS:
                        told = monotonic()
                        about = await self._database[name].estimated_document_count()
                        rate = (seen - record["seen"]) / (told - began)
                        _log.info(
                            "%s to version %s: %s of about %s documents, %.0f/s", name, version, seen, about, rate
                        )
                # As long as the batch took, so that the migration uses at most half of the time.
                await asyncio.sleep(min(max(monotonic() - batch_began, _SHORTEST_PAUSE), _LONGEST_PAUSE))
            with deadline(BATCH_SECONDS):
                done = {"last": None, "seen": seen, "finished": await server_time(self._database)}
                await self._note(name, done, outcome.changed, walks=1)
        except LostLease:
            return None
        if changed:
            _log.info("%s: updated %s of %s documents to version %s", name, changed, seen, version)
        return Outcome(changed, failed)

    async def _page(self, name: str, last: object) -> list[Document]:
        wanted = {} if last is None else {"_id": {"$gt": last}}
        found = self._database[name].find(wanted, projection(self._steps[name])).sort("_id", 1).limit(BATCH)
        return [document async for document in found]

    async def _note(self, name: str, values: Document, changed: int = 0, walks: int = 0) -> None:
        fields = {field: value for field, value in values.items() if field != "_id"}
        result = await self._records.update_one(
            {"_id": name, "lease.owner": self._owner},
            {"$set": fields} | ({"$inc": {"changed": changed, "walks": walks}} if "changed" not in fields else {}),
        )
        if result.matched_count == 0:
            raise LostLease

    def _lease(self, moment: datetime) -> Document:
        return {"owner": self._owner, "until": moment + LEASE}

    def _warn_if_later(self, records: dict[str, Document]) -> None:
        later = [
            name
            for name, record in records.items()
            if name not in self._steps or record["version"] > self._steps[name][-1].version
        ]
        if later and not self._warned:
            self._warned = True
            _log.warning(
                "the database belongs to a later release (%s): documents of later versions are left unchanged",
                ", ".join(sorted(later)),
            )


def _record(name: str, version: int) -> Document:
    return {
        "_id": name, "version": version, "last": None, "seen": 0, "changed": 0, "started": None, "finished": None,
        "walks": 0, "lease": None,
    }  # fmt: skip


def _due(record: Document, steps: Sequence[Step], moment: datetime) -> bool:
    version, walks = record["version"], record["walks"]
    if version > steps[-1].version:
        return False
    if version < steps[-1].version or record["finished"] is None:
        return True
    # A run that seems to have finished in the future was recorded with a wrong clock.
    return bool(walks <= len(AGAIN) and abs(moment - record["finished"]) >= AGAIN[walks - 1])
