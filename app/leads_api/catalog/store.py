"""The store of settings. Every change increments the catalog's revision in its transaction, so that caches notice."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from leads_api.catalog.cache import Catalog, next_revision
from leads_api.catalog.model import CATEGORIES, CUSTOM_FIELDS, STATUSES, Kind
from leads_api.clock import now
from leads_api.errors import Conflict, Invalid, NotFound
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.concurrency import Record
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.pages import page_of
from leads_api.mongo.transaction import Transact
from leads_api.users.store import PENDING_CLEANUP, refolded
from leads_api.validation.paging import Paging
from leads_api.validation.values import TAKEN

T = TypeVar("T")

Refusal = Callable[[Document], Awaitable[str | None]]
"""Returns the reason why a record cannot be deleted; None if it can be."""

INDEXES = {
    collection: [
        Index("folded", (("folded", 1),), unique=True, sparse=True),
        Index("position", (("deleted", 1), ("position", 1), ("_id", 1))),
        Index("residue", ((PENDING_CLEANUP, 1),), sparse=True),
    ]
    for collection in ("lead_statuses", "categories", "custom_fields")
} | {"catalog": [Index("revision", (("revision", 1),))]}


def _refolding(kind: Kind) -> Step:
    """Return step 3: earlier versions case-folded the unique value, and did not normalize it."""

    def update(document: Document) -> Document:
        return refolded(document, kind.folded(kind.read(document)))

    return Step(3, update, reads=(kind.unique, "type"), computes=("folded",))


STEPS = {kind.collection: [Step(2), _refolding(kind)] for kind in (STATUSES, CATEGORIES, CUSTOM_FIELDS)} | {
    "catalog": [Step(2), Step(3)]
}


class RecordNotFound(NotFound):
    """There is no setting of this kind with this id."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"{kind.noun} not found.")


class CatalogStore(Generic[T]):
    """Reads and writes the settings of one kind. A deleted setting stays as a tombstone, so its id keeps its title."""

    def __init__(self, kind: Kind, database: Database, ids: Ids, transact: Transact, catalog: Catalog) -> None:
        self.kind = kind
        self._records = database[kind.collection]
        self._revision = database["catalog"]
        self._ids = ids
        self._transact = transact
        self._catalog = catalog
        self._alive = {**kind.fixed, "deleted": {"$ne": True}}

    async def page(self, paging: Paging, only: dict[str, Any] | None = None) -> tuple[list[T], int]:
        """Return a page in default order, and the total."""
        query = self._alive | (only or {})
        order = [("position", 1), ("_id", 1)] if self.kind.positioned else [("_id", 1)]
        found, total = await page_of(self._records, query, order, skip=paging.skip, limit=paging.limit)
        return [self.kind.shown(self.kind.read(document)) for document in found], total

    async def get(self, record_id: int) -> T:
        """Return a setting. Raises RecordNotFound."""
        shown: T = self.kind.shown(await self._find(record_id, None))
        return shown

    async def create(self, fields: dict[str, Any]) -> T:
        """Insert a setting. Raises Invalid if its unique field is taken."""
        record_id = await self._ids.take(self.kind.collection)
        moment = now()
        fields = self.kind.fixed | fields
        document = {
            "_id": record_id, **fields, "deleted": False, "folded": self.kind.folded(fields),
            "dates": {"created": moment, "updated": moment}, "schema_version": self.kind.schema_version,
        }  # fmt: skip

        async def committed(session: Session) -> Document | None:
            found: Document | None = await self._records.find_one({"_id": record_id}, session=session)
            return found

        async def work(session: Session) -> Document:
            if self.kind.positioned and fields["position"] is None:
                document["position"] = await self._last_position(session) + 1
            await self._records.insert_one(document, session=session)
            await self._revise(session)
            return document

        return await self._write(record_id, work, committed)

    async def change(self, record_id: int, fields: dict[str, Any]) -> T:
        """Change some fields of a setting. Raises RecordNotFound, or Invalid if its unique field is taken."""

        async def work(session: Session) -> Document:
            document = await self._find(record_id, session)
            changed = document | fields
            if self.kind.positioned and changed["position"] is None:
                changed["position"] = await self._last_position(session) + 1
            changed["folded"] = self.kind.folded(changed)
            changed["dates"] = {**(document.get("dates") or {}), "updated": now()}
            await self._records.replace_one({"_id": record_id, **self._alive}, changed, session=session)
            await self._revise(session)
            return changed

        return await self._write(record_id, work)

    async def soft_delete(
        self, record_id: int, refusal: Refusal | None = None, *, cleanup_by: int | None = None
    ) -> None:
        """Replace a setting by its tombstone. Raises RecordNotFound, or Conflict with the text of the refusal.

        `cleanup_by`, the user who deletes it, marks it as pending clean-up: references in leads must be removed.
        """

        async def committed(session: Session) -> bool | None:
            query = {"_id": record_id, **self._alive}
            return True if await self._records.find_one(query, session=session) is None else None

        async def work(session: Session) -> bool:
            document = await self._find(record_id, session)
            if refusal is not None and (text := await refusal(document)) is not None:
                raise Conflict(text)
            tombstone = {"deleted": True, "dates.updated": now()} | (
                {} if cleanup_by is None else {PENDING_CLEANUP: cleanup_by}
            )
            await self._records.update_one(
                {"_id": record_id}, {"$set": tombstone, "$unset": {"folded": ""}}, session=session
            )
            await self._revise(session)
            return True

        await self._transact(work, records=self._touched(record_id), committed=committed, then=self._catalog.drop)

    async def pending_cleanup(self) -> list[tuple[int, int]]:
        """Return the tombstones whose clean-up is pending: their ids, and the users who deleted them."""
        found = self._records.find({PENDING_CLEANUP: {"$gt": 0}}, {PENDING_CLEANUP: 1})
        return [(document["_id"], document[PENDING_CLEANUP]) async for document in found]

    async def cleaned_up(self, record_id: int) -> None:
        """Mark the clean-up of a tombstone as done."""
        await self._records.update_one({"_id": record_id}, {"$unset": {PENDING_CLEANUP: ""}})
        await self._revise(None)
        self._catalog.drop()

    def _touched(self, record_id: int) -> list[Record]:
        """Return what every change of a setting writes: the setting, and the revision of all settings."""
        return [(self.kind.collection, record_id), ("catalog", "catalog")]

    async def _write(
        self,
        record_id: int,
        work: Callable[[Session], Awaitable[Document]],
        committed: Callable[[Session], Awaitable[Document | None]] | None = None,
    ) -> T:
        try:
            written = await self._transact(
                work, records=self._touched(record_id), committed=committed, then=self._catalog.drop
            )
        except Duplicate:
            name = self.kind.unique
            raise Invalid({name: [TAKEN.replace("{}", name)]}) from None
        shown: T = self.kind.shown(written)
        return shown

    async def _find(self, record_id: int, session: Session) -> Document:
        document = await self._records.find_one({"_id": record_id, **self._alive}, session=session)
        if document is None:
            raise RecordNotFound(self.kind)
        return self.kind.read(document)

    async def _last_position(self, session: Session) -> int:
        last = self._records.find(self._alive, {"position": 1}, session=session).sort([("position", -1)]).limit(1)
        return max([document.get("position", 0) async for document in last], default=0)

    async def _revise(self, session: Session) -> None:
        await self._revision.update_one({"_id": "catalog"}, next_revision(), session=session)
