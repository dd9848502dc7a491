"""The cache of settings: it expires after some seconds, and changes in this process drop it at once."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from time import monotonic
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from leads_api.catalog.model import CATEGORIES, CUSTOM_FIELDS, STATUSES, TEAM, Kind
from leads_api.errors import Failure
from leads_api.folding import letters
from leads_api.mongo.batching import MAX_WAITING, Batcher
from leads_api.mongo.client import Database, Document, NotSetUp
from leads_api.mongo.faults import DatabaseError
from leads_api.telemetry.metrics import Counter
from leads_api.users.store import full_name

_REFRESHES = Counter("leads_catalog_refreshes_total", "Refreshes of the cached settings.", ["outcome"])

R = TypeVar("R")
Titles = dict[int, Document]

LOOKUPS_PER_SECOND = 20
"""How often a process looks for newer settings because a request would be refused by the cached ones. Beyond that, such
requests are answered from the cache, so they cost the database nothing."""


def next_revision() -> Document:
    """Return the update of the catalog's revision, which every change makes in its transaction.

    The step is random. So if an election rolls a change back, no other change reaches the revision that caches may have
    seen, and no cache takes the settings that were rolled back for current ones.
    """
    return {"$inc": {"revision": 1 + secrets.randbelow(2**31)}}


class Snapshot(Struct, frozen=True, kw_only=True):
    """All settings of one revision by id, tombstones included."""

    revision: int
    statuses: Titles
    categories: Titles
    people: Titles
    """Team users; `name` is the full name, `order` the place in a list of assignees."""
    custom_fields: list[Document]
    """Enabled custom fields, in order of position."""

    def tolerant(self) -> "Snapshot":
        """Return the settings with a record without a name for each unknown id: not even a tombstone may be left."""
        return replace(
            self,
            statuses=_Tolerant(STATUSES, self.statuses),
            categories=_Tolerant(CATEGORIES, self.categories),
            people=_Tolerant(TEAM, self.people),
        )


class _Tolerant(Titles):
    def __init__(self, kind: Kind, records: Titles) -> None:
        super().__init__(records)
        self._kind = kind

    def __missing__(self, record_id: int) -> Document:
        return self._kind.read({"_id": record_id, "name": "", "order": ("", "", record_id)})


class Catalog:
    """Caches the snapshot, and checks whether a request may refer to an id."""

    def __init__(self, database: Database, *, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._snapshot: Snapshot | None = None
        self._until = 0.0
        self._began = 0.0
        """When the refresh began that the snapshot is from."""
        self._epoch = 0
        # Not a lock: it would wake up those who wait one by one, each in an iteration of the event loop of its own.
        self._refreshes: Batcher[bool, Snapshot] = Batcher(self._refresh_for, most=MAX_WAITING, queue="catalog")
        self._lookups = 0
        self._lookups_since = -1.0

    def drop(self) -> None:
        """Drop the cache after a change in this process."""
        self._until = 0.0
        self._epoch += 1

    async def snapshot(self) -> Snapshot:
        """Return the settings; they may be as old as the cache's time to live."""
        if self._snapshot is not None and monotonic() < self._until:
            return self._snapshot
        return await self.refreshed()

    async def show(self, make: Callable[[Snapshot], R], *, written: bool = False) -> R:
        """Return what `make` returns for the settings; it is called again with newer ones if an id is not among them.

        With `written`, what is shown has just been written. Then cached settings of any age are enough: the caller must
        not be told that the write failed because the settings could not be read.
        """
        known = self._snapshot if written else None
        try:
            return make(known or await self.snapshot())
        except KeyError:
            try:
                newer = await self.refreshed()
            except (DatabaseError, Failure):
                if known is None:
                    raise
                newer = known
            return make(newer.tolerant())

    async def refreshed(self) -> Snapshot:
        """Return the current settings, by a refresh that begins after the call. Concurrent callers share one."""
        return await self._refreshes(False)  # noqa: FBT003 - whether it counts as a look-up

    async def looked_up(self) -> Snapshot:
        """Return the current settings, for a request that would be refused by those in the cache.

        Callers may make up such requests, so there are at most LOOKUPS_PER_SECOND refreshes for them.
        """
        moment = monotonic()
        if moment - self._lookups_since >= 1:
            self._lookups, self._lookups_since = 0, moment
        if self._snapshot is not None and moment < self._until and self._lookups >= LOOKUPS_PER_SECOND:
            return self._snapshot
        return await self._refreshes(True)  # noqa: FBT003 - whether it counts as a look-up

    async def drain(self) -> None:
        """Wait until no refresh is in progress."""
        await self._refreshes.drain()

    async def _refresh_for(self, lookups: list[bool]) -> list[Snapshot | Exception]:
        self._lookups += any(lookups)
        outcome, before = "failed", self._snapshot
        try:
            snapshot = await self._refresh()
            outcome = "unchanged" if snapshot is before else "changed"
        finally:
            _REFRESHES.add(outcome)
        return [snapshot] * len(lookups)

    async def _refresh(self) -> Snapshot:
        while True:
            epoch, began = self._epoch, monotonic()
            revision, snapshot = await self._revision(), self._snapshot
            if snapshot is None or snapshot.revision != revision:
                snapshot = await self._load(revision)
                if await self._revision() != revision:
                    continue
            if began >= self._began:  # else another refresh, which began later, was quicker
                self._snapshot, self._began = snapshot, began
                if epoch == self._epoch:
                    self._until = began + self._seconds
            return snapshot

    async def statuses(self, ids: Collection[int]) -> Collection[int]:
        """Return the subset of statuses that a lead may get."""
        return await self._usable("statuses", ids, lambda status: not status["deleted"])

    async def lead_categories(self, ids: Collection[int]) -> Collection[int]:
        """Return the subset of categories that are for leads."""
        return await self._usable(
            "categories", ids, lambda category: not category["deleted"] and category["type"] == "lead"
        )

    async def assignable(self, ids: Collection[int]) -> Collection[int]:
        """Return the subset of active team users."""
        return await self._usable("people", ids, _is_active)

    async def is_active(self, person: int) -> bool:
        """Return whether a team user is active; the API keys of all others are refused with 401."""
        record = (await self.snapshot()).people.get(person)
        return (record is not None and _is_active(record)) or bool(await self.assignable({person}))

    async def _usable(self, kind: str, ids: Collection[int], usable: Callable[[Document], bool]) -> Collection[int]:
        """Return the subset of usable records. Before an id is left out, changes of other processes are looked up."""
        found = _subset(getattr(await self.snapshot(), kind), ids, usable)
        if len(found) < len(set(ids)):
            found = _subset(getattr(await self.looked_up(), kind), ids, usable)
        return found

    async def _revision(self) -> int:
        found = await self._database["catalog"].find_one({"_id": "catalog"})
        if found is None:
            raise NotSetUp
        revision: int = found.get("revision") or 0
        return revision

    async def _load(self, revision: int) -> Snapshot:
        statuses, categories, people, fields = await asyncio.gather(
            self._all(STATUSES),
            self._all(CATEGORIES),
            self._all(TEAM),
            self._all(CUSTOM_FIELDS, {"deleted": {"$ne": True}, "is_enabled": {"$ne": False}}),
        )
        return Snapshot(
            revision=revision,
            statuses=statuses,
            categories=categories,
            people={i: _shown(person) for i, person in people.items()},
            custom_fields=sorted(fields.values(), key=lambda field: (field["position"], field["_id"])),
        )

    async def _all(self, kind: Kind, only: Document | None = None) -> Titles:
        found = self._database[kind.collection].find(kind.fixed | (only or {}))
        return {document["_id"]: kind.read(document) async for document in found}


def _shown(person: Document) -> Document:
    """Return a team user with what is computed once for all leads that show them."""
    order = letters(person["first_name"]), letters(person["last_name"]), person["_id"]
    return person | {"name": full_name(person), "order": order}


def _is_active(person: Document) -> bool:
    works: bool = not person["deleted"] and person["status"] == "active"
    return works


def _subset(records: Titles, ids: Collection[int], usable: Callable[[Document], bool]) -> Collection[int]:
    return {i for i in ids if i in records and usable(records[i])}
