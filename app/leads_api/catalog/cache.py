"""The settings in memory: at most some seconds old, dropped at once by changes made in this process."""

import asyncio
from collections.abc import Collection
from time import monotonic

from msgspec import Struct

from leads_api.catalog.model import CATEGORIES, CUSTOM_FIELDS, STATUSES, TEAM, Kind
from leads_api.mongo.client import Database, Document, NotSetUp
from leads_api.users.store import full_name

Titles = dict[int, Document]


class Snapshot(Struct, frozen=True, kw_only=True):
    """All settings as of one revision, tombstones included, by id."""

    revision: int
    statuses: Titles
    categories: Titles
    people: Titles
    """Team users; `name` is the shown one."""
    custom_fields: list[Document]
    """The enabled ones, in their order."""


class Catalog:
    """Hands out the snapshot, and answers whether a request may refer to an id."""

    def __init__(self, database: Database, *, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._snapshot: Snapshot | None = None
        self._until = 0.0
        self._epoch = 0
        self._refreshing = asyncio.Lock()

    def drop(self) -> None:
        """Make the next caller look: something was changed here."""
        self._until = 0.0
        self._epoch += 1

    async def snapshot(self) -> Snapshot:
        """Return the settings, at most the cache's seconds old."""
        if self._snapshot is not None and monotonic() < self._until:
            return self._snapshot
        return await self.refreshed()

    async def refreshed(self) -> Snapshot:
        """Return the settings as they are now. Callers at the same moment share one look."""
        asked = monotonic()
        async with self._refreshing:
            # Another caller's look will do if it began after this call, and nothing was changed here since.
            if self._snapshot is not None and self._until - self._seconds > asked:
                return self._snapshot
            while True:
                epoch, began = self._epoch, monotonic()
                revision = await self._revision()
                if self._snapshot is None or self._snapshot.revision != revision:
                    loaded = await self._load(revision)
                    if await self._revision() != revision:
                        continue
                    self._snapshot = loaded
                if epoch == self._epoch:
                    self._until = began + self._seconds
                return self._snapshot

    async def statuses(self, ids: Collection[int]) -> Collection[int]:
        """Return those that a lead can be given."""
        return await self._alive("statuses", ids)

    async def lead_categories(self, ids: Collection[int]) -> Collection[int]:
        """Return those that are for leads."""
        known = await self._alive("categories", ids)
        categories = (await self.snapshot()).categories
        return {category for category in known if categories[category]["type"] == "lead"}

    async def assignable(self, ids: Collection[int]) -> Collection[int]:
        """Return the active team users among them."""
        known = await self._alive("people", ids)
        people = (await self.snapshot()).people
        return {person for person in known if _works_here(people[person])}

    async def is_active(self, person: int) -> bool:
        """Tell whether someone may work here: keys of others answer 401."""
        record = (await self.snapshot()).people.get(person)
        if record is None:  # newer than the cache, or not there at all
            record = (await self.refreshed()).people.get(person)
        return record is not None and _works_here(record)

    async def _alive(self, kind: str, ids: Collection[int]) -> Collection[int]:
        snapshot = await self.snapshot()
        if any(i not in getattr(snapshot, kind) for i in ids):  # newer than the cache, or not there at all
            snapshot = await self.refreshed()
        records: Titles = getattr(snapshot, kind)
        return {i for i in ids if i in records and not records[i]["deleted"]}

    async def _revision(self) -> int:
        found = await self._database["catalog"].find_one({"_id": "catalog"})
        if found is None:
            raise NotSetUp
        revision: int = found.get("revision", 0)
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
            people={i: person | {"name": full_name(person)} for i, person in people.items()},
            custom_fields=sorted(fields.values(), key=lambda field: (field["position"], field["_id"])),
        )

    async def _all(self, kind: Kind, only: Document | None = None) -> Titles:
        found = self._database[kind.collection].find(kind.fixed | (only or {}))
        return {document["_id"]: kind.read(document) async for document in found}


def _works_here(person: Document) -> bool:
    works: bool = not person["deleted"] and person["status"] == "active"
    return works
