"""The store of checklist items: one document for each."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from leads_api.checklists.model import ChecklistItem, ChecklistQuery, item_of
from leads_api.clock import now
from leads_api.errors import Invalid, NotFound
from leads_api.mongo.client import Database, Document, Session, update_each
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.transaction import Transact
from leads_api.validation.values import NOT_SELECTABLE

COLLECTION = "checklists"
SCHEMA_VERSION = 2
"""The schema version of new documents."""

INDEXES = {
    COLLECTION: [
        Index("lead_position", (("lead", 1), ("position", 1), ("_id", 1))),
        Index("lead_status", (("lead", 1), ("status", 1))),
    ]
}
STEPS = {COLLECTION: [Step(2)]}

MAX_ITEMS = 1000
"""Limit of items per lead; equal to the number of ids that a request to reorder can have."""

_WHOLE = {"comments": 0}
_SORTS = {
    "checklist_position": [("position", 1), ("_id", 1)],
    "checklist_status": [("status", -1), ("position", 1), ("_id", 1)],  # "pending" before "completed"
    "checklist_created": [("dates.created", 1), ("_id", 1)],
}

HoldLead = Callable[[int, Session], Awaitable[bool]]
"""Prevents the deletion of a lead until the transaction ends; returns whether the lead exists."""


class ChecklistNotFound(NotFound):
    """There is no checklist item with this id."""

    message = "Checklist not found."


class _Refused(Invalid):
    def __init__(self, field: str) -> None:
        super().__init__({field: [NOT_SELECTABLE.replace("{}", field.replace("_", " "))]})


def touch(_event: str, moment: datetime, _by: int) -> Document:
    """Return the part of the update that every write of an item has."""
    return _touched(moment)


def _touched(moment: datetime) -> Document:
    return {"$max": {"dates.updated": moment}}  # writes may end in another order than they began


class ChecklistStore:
    """Reads and writes checklist items. Concurrent writes to a lead's whole checklist conflict and are retried."""

    def __init__(
        self, database: Database, ids: Ids, transact: Transact, concurrency: ConcurrencyLimits, hold_lead: HoldLead
    ) -> None:
        """`concurrency` limits lists, and changes outside of transactions."""
        self.collection = self._items = database[COLLECTION]
        self._ids = ids
        self._transact = transact
        self._concurrency = concurrency
        self._hold_lead = hold_lead

    async def page(self, query: ChecklistQuery) -> tuple[list[ChecklistItem], int, int]:
        """Return a page of a lead's items, the number of all items, and the number of completed items."""
        wanted = {"lead": query.resource_id}
        direction = 1 if query.order == "asc" else -1
        async with self._concurrency.lists:
            total = await self._items.count_documents(wanted)
            completed = await self._items.count_documents(wanted | {"status": "completed"}) if total else 0
            if query.skip >= total:
                return [], total, completed
            order = [(field, way * direction) for field, way in _SORTS[query.sort]]
            found = self._items.find(wanted, _WHOLE).sort(order)
            documents = [document async for document in found.skip(query.skip).limit(query.limit)]
        return [item_of(document) for document in documents], total, min(completed, total)

    async def get(self, item_id: int) -> ChecklistItem:
        """Return an item. Raises ChecklistNotFound."""
        document = await self._items.find_one({"_id": item_id}, _WHOLE)
        if document is None:
            raise ChecklistNotFound
        return item_of(document)

    async def create(self, lead_id: int, text: str, by: int) -> ChecklistItem:
        """Append a new item. Raises Invalid if the lead was deleted meanwhile or has MAX_ITEMS items."""
        item_id = await self._ids.take(COLLECTION)

        async def committed(session: Session) -> Document | None:
            found: Document | None = await self._items.find_one({"_id": item_id}, session=session)
            return found

        async def work(session: Session) -> Document:
            if not await self._hold_lead(lead_id, session):
                raise _Refused("checklistresource_id")
            position = await self._last_position(lead_id, session) + 1
            if await self._items.count_documents({"lead": lead_id}, session=session) >= MAX_ITEMS:
                raise Invalid({"checklist_text": [f"A lead must not have more than {MAX_ITEMS} checklist items."]})
            document = _new(item_id, lead_id, text, by) | {"position": position}
            await self._items.insert_one(document, session=session)
            return document

        return item_of(await self._transact(work, records=[("leads", lead_id)], committed=committed))

    async def change(self, item_id: int, values: dict[str, Any]) -> ChecklistItem:
        """Set fields of an item. Raises ChecklistNotFound."""
        async with self._concurrency.change(COLLECTION, item_id):
            document = await self._items.find_one_and_update(
                {"_id": item_id},
                {"$set": values, **_touched(now())},
                projection=_WHOLE,
                return_document=ReturnDocument.AFTER,
            )
        if document is None:
            raise ChecklistNotFound
        return item_of(document)

    async def update(self, item_id: int, where: Document, update: Document) -> bool:
        """Update the document of an item, for its comments; return whether one with this id matches `where`."""
        async with self._concurrency.change(COLLECTION, item_id):
            result = await self._items.update_one({"_id": item_id, **where}, update)
        return result.matched_count == 1

    async def delete(self, item_id: int) -> None:
        """Delete an item. Raises ChecklistNotFound."""
        async with self._concurrency.change(COLLECTION, item_id):
            result = await self._items.delete_one({"_id": item_id})
        if result.deleted_count == 0:
            raise ChecklistNotFound

    async def reorder(self, item_ids: list[int]) -> None:
        """Reorder a lead's items. Raises Invalid unless the ids are exactly those of one lead's items."""
        first = await self._items.find_one({"_id": item_ids[0]}, {"lead": 1})
        if not first or not (lead_id := first.get("lead")):
            raise _Refused("checklist_ids")

        async def work(session: Session) -> None:
            if not await self._hold_lead(lead_id, session):
                raise _Refused("checklist_ids")
            found = self._items.find({"lead": lead_id}, {"position": 1}, session=session)
            items = {item["_id"]: item async for item in found}
            if sorted(items) != sorted(item_ids):
                raise _Refused("checklist_ids")
            touched = _touched(now())
            moved = [
                ({"_id": item_id}, {"$set": {"position": position}, **touched})
                for position, item_id in enumerate(item_ids, start=1)
                if items[item_id].get("position") != position
            ]
            await update_each(self._items, moved, session)

        await self._transact(work, records=[("leads", lead_id)])

    async def copy(self, source_id: int, target_id: int, by: int, session: Session) -> None:
        """Copy the items of one lead to another, as pending and without comments, in the transaction."""
        found = self._items.find({"lead": source_id}, _WHOLE, session=session).sort([("position", 1), ("_id", 1)])
        if items := [item async for item in found]:
            last = await self._ids.take(COLLECTION, len(items))
            copies = [
                _new(item_id, target_id, item.get("text") or "", by) | {"position": item.get("position") or 0}
                for item_id, item in enumerate(items, start=last - len(items) + 1)
            ]
            await self._items.insert_many(copies, session=session)

    async def count(self, lead_ids: Collection[int], session: Session) -> int:
        """Return how many items some leads have together."""
        return await self._items.count_documents({"lead": {"$in": list(lead_ids)}}, session=session)

    async def move(self, source_ids: Sequence[int], target_id: int, session: Session) -> None:
        """Move the items of some leads behind those of another, lead by lead, in the transaction."""
        order = {lead_id: place for place, lead_id in enumerate(source_ids)}
        found = self._items.find({"lead": {"$in": list(order)}}, {"lead": 1, "position": 1}, session=session)
        items = [item async for item in found]
        if not items:
            return
        items.sort(key=lambda item: (order[item["lead"]], item.get("position") or 0, item["_id"]))
        first = await self._last_position(target_id, session) + 1
        touched = _touched(now())
        moved = [
            ({"_id": item["_id"]}, {"$set": {"lead": target_id, "position": position}, **touched})
            for position, item in enumerate(items, start=first)
        ]
        await update_each(self._items, moved, session)

    async def _last_position(self, lead_id: int, session: Session) -> int:
        last = self._items.find({"lead": lead_id}, {"position": 1}, session=session).sort([("position", -1)]).limit(1)
        return max([item.get("position") or 0 async for item in last], default=0)

    async def delete_of(self, lead_id: int, session: Session) -> None:
        """Delete all items of a lead, in the transaction."""
        await self._items.delete_many({"lead": lead_id}, session=session)


def _new(item_id: int, lead_id: int, text: str, by: int) -> Document:
    moment = now()
    return {
        "_id": item_id,
        "lead": lead_id,
        "text": text,
        "status": "pending",
        "position": 0,
        "creator": by,
        "comments": [],
        "comments_count": 0,
        "comments_bytes": 0,
        "dates": {"created": moment, "updated": moment},
        "schema_version": SCHEMA_VERSION,
    }
