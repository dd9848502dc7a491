"""The store of leads: all queries and writes of the collection `leads`."""

import itertools
import secrets
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from leads_api.catalog.cache import Catalog
from leads_api.catalog.model import CONVERTED
from leads_api.clock import now
from leads_api.errors import Failure, NotFound, PreconditionFailed
from leads_api.leads import listing
from leads_api.leads.folded import SEARCHED, distinct_tags, refolded
from leads_api.leads.model import ShownLead, assignments, new_document, shown_lead
from leads_api.mongo.batching import Batcher
from leads_api.mongo.change_streams import find_since
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.ids import Ids
from leads_api.mongo.inserts import Inserts
from leads_api.mongo.migrations import Step
from leads_api.mongo.substrings import pieces
from leads_api.mongo.transaction import Transact
from leads_api.mongo.versions import Versions, condition, require
from leads_api.telemetry.logs import request_id

COLLECTION = "leads"
INDEXES = {
    COLLECTION: [
        *listing.INDEXES,
    ]
}

SHARD_KEYS = {COLLECTION: {"_id": "hashed"}}
"""Hashed: new ids go up, and would all be written to one shard."""

STEPS = {
    COLLECTION: [
        # 2: removes the case-folded company, which was never read.
        Step(2, {"$unset": {"folded.company": ""}}, stale=("folded.company",)),
        # 3: the folded copies and `search` follow `folding`; earlier versions case-folded only, and cut no pieces.
        Step(
            3,
            refolded,
            reads=("title", "source", "tags", "contact.company_name", "contact.email"),
            computes=("folded.title", "folded.email", "folded.source", "folded.tags", "search"),
        ),
    ]
}

WHOLE = {"comments": 0, "search": 0, "folded": 0, "change": 0, "schema_version": 0}
"""The projection of a lead for responses: everything except comments and fields that only queries use."""


class LeadNotFound(NotFound):
    """There is no lead with this id."""

    message = "Lead not found."


_numbers = itertools.count(secrets.randbits(62))


def change_of(event: str, by: int) -> Document:
    """Return the description of a write for the change stream: the event, the user and the request id.

    The number differs in every write: the stream leaves out a value that an update does not change.
    """
    return {"type": event, "by": by, "request_id": request_id.get(), "number": next(_numbers)}


def touch(event: str, moment: datetime, by: int) -> Document:
    """Return the part of the update that every write of a lead has. Writes may end in another order than they began."""
    return {"$set": {"change": change_of(event, by)}, "$max": {"dates.updated": moment}, "$inc": {"version": 1}}


class LeadStore:
    """Reads and writes leads. Every write is one update that increments the version; its filter has its conditions."""

    def __init__(
        self,
        database: Database,
        ids: Ids,
        catalog: Catalog,
        concurrency: ConcurrencyLimits,
        *,
        keys: IdempotencyStore,
        transact: Transact,
    ) -> None:
        """`concurrency` limits changes."""
        self.collection = self._leads = database[COLLECTION]
        self._ids = ids
        self._catalog = catalog
        self._concurrency = concurrency
        self._reads = Batcher(self._find_all, gathers=True)
        self._creates = Inserts(self._leads, keys, transact)

    async def get(self, lead_id: int) -> ShownLead:
        """Return a lead. Raises LeadNotFound."""
        document = await self.read(lead_id)
        return await self._catalog.show(lambda settings: shown_lead(document, settings))

    async def read(self, lead_id: int) -> Document:
        """Return a lead's document without its comments, in a batch with other reads. Raises LeadNotFound."""
        document = await self._reads(lead_id)
        if document is None:
            raise LeadNotFound
        return document

    async def drain(self) -> None:
        """Wait until no batch is in progress."""
        await self._reads.drain()
        await self._creates.drain()

    async def create(self, given: dict[str, Any], by: int) -> ShownLead:
        """Create a lead from the validated fields of a request."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        lead_id = await self._ids.take(COLLECTION)
        document = new_document(lead_id, values, now(), change_of("created", by))
        return await self.shown(await self._creates(document))

    async def insert(self, document: Document, session: Session) -> None:
        """Insert a lead's document."""
        await self._leads.insert_one(document, session=session)

    async def change(self, lead_id: int, given: dict[str, Any], by: int, versions: Versions) -> ShownLead:
        """Set the given fields only. Raises LeadNotFound or PreconditionFailed."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        touched = [path for path in SEARCHED if path in values]
        if not touched or len(touched) == len(SEARCHED):
            if touched:
                values["search"] = pieces(*(values[path] for path in SEARCHED))
            return await self.update(lead_id, values, "updated", by, versions)
        while True:
            # `search` is computed from three fields, and not all of them were sent. The filter ensures that the others
            # have not changed since they were read. Changes of the sent fields, or of any others, do not conflict.
            before = await self.find(lead_id)
            require(before, versions)  # so a version that is gone ends the loop
            contact = before.get("contact") or {}
            texts = {
                "title": before.get("title"),
                "contact.company_name": contact.get("company_name"),
                "contact.email": contact.get("email"),
            }
            unchanged = {path: text for path, text in texts.items() if path not in touched}
            values["search"] = pieces(*(texts | {path: values[path] for path in touched}).values())
            after = await self._update({"_id": lead_id, **unchanged, **condition(versions)}, values, "updated", by)
            if after is not None:
                return await self.shown(after)

    async def set_tags(self, lead_id: int, tags: list[str], by: int, versions: Versions) -> ShownLead:
        """Replace the tags. Of tags that differ in case only, the first is kept. Raises like `update`."""
        distinct = distinct_tags(tags)
        values = {"tags": list(distinct.values()), "folded.tags": list(distinct)}
        return await self.update(lead_id, values, "tagged", by, versions)

    async def update(self, lead_id: int, values: dict[str, Any], event: str, by: int, versions: Versions) -> ShownLead:
        """Set some paths of a lead. Raises LeadNotFound or PreconditionFailed."""
        document = await self._update({"_id": lead_id, **condition(versions)}, values, event, by)
        if document is None:
            raise await self._refusal(lead_id, versions)
        return await self.shown(document)

    async def _refusal(self, lead_id: int, versions: Versions, session: Session = None) -> Failure:
        """Return why no lead with this id is in one of these versions. Raises LeadNotFound."""
        if versions is None:
            return LeadNotFound()
        await self.find(lead_id, session)
        return PreconditionFailed()

    async def _update(self, wanted: Document, values: dict[str, Any], event: str, by: int) -> Document | None:
        async with self._concurrency.change(COLLECTION, wanted["_id"]):
            touched = touch(event, now(), by)
            document: Document | None = await self._leads.find_one_and_update(
                wanted,
                touched | {"$set": values | touched["$set"]},
                projection=WHOLE,
                return_document=ReturnDocument.AFTER,
            )
        return document

    async def mark_converted(self, lead: Document, client_id: int, moment: datetime, by: int, session: Session) -> bool:
        """Mark the lead as converted, unless it has changed since it was read; return whether it was marked.

        A concurrent change conflicts here, and the transaction is retried.
        """
        touched = touch("converted", moment, by)
        values = {
            "converted": {"is_converted": True, "client_id": client_id, "date": moment},
            "status": CONVERTED,
        }
        result = await self._leads.update_one(
            {"_id": lead["_id"], "version": lead.get("version")},
            touched | {"$set": values | touched["$set"]},
            session=session,
        )
        return result.matched_count == 1

    async def delete(self, lead_id: int, by: int, versions: Versions, session: Session) -> None:
        """Delete a lead's document. Raises LeadNotFound or PreconditionFailed."""
        # The change stream tells of a deletion only which document it was. So an update says before who it is by.
        result = await self._leads.update_one(
            {"_id": lead_id, **condition(versions)}, touch("deleted", now(), by), session=session
        )
        if result.matched_count == 0:
            raise await self._refusal(lead_id, versions, session)
        await self._leads.delete_one({"_id": lead_id}, session=session)

    async def hold(self, lead_id: int, session: Session) -> bool:
        """Prevent the deletion of a lead until the transaction ends; return whether the lead exists.

        The write makes a concurrent deletion conflict. It does not change the lead, so the version stays the same.
        """
        result = await self._leads.update_one({"_id": lead_id}, {"$inc": {"held": 1}}, session=session)
        return result.matched_count == 1

    async def existing(self, ids: Collection[int]) -> Collection[int]:
        """Return the subset of the ids for which there is a lead."""
        return {lead["_id"] async for lead in self._leads.find({"_id": {"$in": list(ids)}}, {"_id": 1})}

    async def _find_all(self, lead_ids: list[int]) -> list[Document | Exception | None]:
        if len(lead_ids) == 1:
            return [await self._leads.find_one({"_id": lead_ids[0]}, WHOLE)]
        found = {lead["_id"]: lead async for lead in self._leads.find({"_id": {"$in": list(set(lead_ids))}}, WHOLE)}
        return [found.get(lead_id) for lead_id in lead_ids]

    def since(self, moment: object, lead_ids: list[int]) -> AsyncIterator[Document]:
        """Return those of the leads that there are, at an operation time or later, without their comments."""
        return find_since(self._leads, moment, {"_id": {"$in": lead_ids}}, WHOLE)

    async def find(self, lead_id: int, session: Session = None) -> Document:
        """Return a lead's document without its comments. Raises LeadNotFound."""
        if (document := await self.find_if_there(lead_id, session)) is None:
            raise LeadNotFound
        return document

    async def find_if_there(self, lead_id: int, session: Session) -> Document | None:
        """Return a lead's document without its comments, if there is one."""
        document: Document | None = await self._leads.find_one({"_id": lead_id}, WHOLE, session=session)
        return document

    async def shown(self, document: Document) -> ShownLead:
        """Return a lead that has just been written, as callers see it."""
        return await self._catalog.show(lambda settings: shown_lead(document, settings), written=True)

    async def uses_status(self, status_id: int) -> bool:
        """Return whether any lead has this status."""
        return await self._leads.find_one({"status": status_id}, {"_id": 1}) is not None

    async def uses_category(self, category_id: int) -> bool:
        """Return whether any lead has this category."""
        return await self._leads.find_one({"category": category_id}, {"_id": 1}) is not None

    async def clear_assignments(self, member_id: int, by: int) -> None:
        """Remove a team user from every lead, which changes each of these leads. Safe to repeat."""
        await self._leads.update_many(
            {"assigned": member_id},
            {"$pull": {"assigned": member_id}, **touch("assigned", now(), by)},
        )

    async def clear_values(self, field_id: int, _by: int) -> None:
        """Remove the values of a deleted custom field from every lead; no lead shows them any more. Safe to repeat."""
        path = f"custom.{field_id}"
        await self._leads.update_many({path: {"$exists": True}}, {"$unset": {path: ""}})
