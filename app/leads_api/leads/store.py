"""The store of leads: all queries and writes of the collection `leads`."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from pymongo import ReturnDocument

from leads_api.catalog.cache import Catalog
from leads_api.catalog.model import CONVERTED
from leads_api.clock import now, plain_time
from leads_api.errors import NotFound, Unavailable
from leads_api.leads import counts, listing
from leads_api.leads.folded import SEARCHED, distinct_tags, refolded
from leads_api.leads.model import Lead, assignments, lead_of, new_document
from leads_api.leads.schemas import LeadQuery
from leads_api.mongo.batching import Batcher, SingleFlight, insert_each
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.ids import Ids
from leads_api.mongo.migrations import Step
from leads_api.mongo.substrings import pieces
from leads_api.telemetry.logs import request_id
from leads_api.users.store import PENDING_CLEANUP

COLLECTION = "leads"
INDEXES = {
    COLLECTION: [
        *listing.INDEXES,
    ]
}

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

_encode = msgspec.json.Encoder(enc_hook=plain_time).encode


class LeadNotFound(NotFound):
    """There is no lead with this id."""

    message = "Lead not found."


def change_of(event: str, by: int) -> Document:
    """Return the description of a write for the change stream: the event, the user and the request id."""
    return {"type": event, "by": by, "request_id": request_id.get()}


def touch(event: str, moment: datetime, by: int) -> Document:
    """Return the part of the update that every write of a lead has."""
    return {"$set": {"dates.updated": moment, "change": change_of(event, by)}, "$inc": {"version": 1}}


class LeadStore:
    """Reads and writes leads. Every write is one update that increments the version; its filter has its conditions."""

    def __init__(
        self, database: Database, ids: Ids, catalog: Catalog, concurrency: ConcurrencyLimits, *, seconds: float
    ) -> None:
        """Limit each batch of reads or creates to `seconds`. `concurrency` limits changes and lists."""
        self.collection = self._leads = database[COLLECTION]
        self._ids = ids
        self._catalog = catalog
        self._concurrency = concurrency
        self._counts = counts.Counts(self._leads, concurrency, seconds=seconds)
        self._pages = SingleFlight(self._page, seconds=seconds)
        self._reads = Batcher(self._find_all, seconds=seconds, gathers=True)
        self._creates = Batcher(partial(insert_each, self._leads), seconds=seconds)

    async def get(self, lead_id: int) -> Lead:
        """Return a lead. Raises LeadNotFound."""
        document = await self._reads(lead_id)
        if document is None:
            raise LeadNotFound
        return await self.shown(document)

    async def drain(self) -> None:
        """Cancel counts, and wait until no batch is in progress."""
        await self._counts.end()
        await self._pages.drain()
        await self._reads.drain()
        await self._creates.drain()

    async def page(self, query: LeadQuery) -> tuple[list[Lead], int]:
        """Return a page of the list, and how many leads match the filters."""
        return await self._pages(_encode(query), query)

    async def _page(self, query: LeadQuery) -> tuple[list[Lead], int]:
        if query.assigned_user_id is not None and await self._is_leaving(query.assigned_user_id):
            return [], 0
        wanted = listing.filter_of(query)
        total = await self._counts.of(wanted)
        paging = query.paging
        old = total > counts.EXACT_UP_TO
        if paging.skip >= total + (counts.EXACT_UP_TO if old else 0):
            return [], total
        async with self._concurrency.lists:
            found = self._leads.find(wanted, WHOLE).sort(listing.order_of(query)).skip(paging.skip).limit(paging.limit)
            documents = [document async for document in found]
        if old and len(documents) != max(0, min(paging.limit, total - paging.skip)):
            self._counts.doubt(wanted)
            total = await self._counts.of(wanted)
        return await self._shown_all(documents), total

    async def page_by_cursor(self, query: LeadQuery) -> tuple[list[Lead], str | None]:
        """Return the page after the query's cursor, and the cursor of the next page; None if it is the last."""
        if query.assigned_user_id is not None and await self._is_leaving(query.assigned_user_id):
            return [], None
        projection = {path: kept for path, kept in WHOLE.items() if path != "folded"}  # has the title's sort key
        documents: list[Document] = []
        async with self._concurrency.lists:
            for wanted in listing.segments(query):
                missing = query.limit + 1 - len(documents)  # one lead more than the page, for the next cursor
                found = self._leads.find(wanted, projection).sort(listing.order_of(query)).limit(missing)
                documents += [document async for document in found]
                if len(documents) > query.limit:
                    break
        following = listing.next_cursor(query, documents)
        return await self._shown_all(documents[: query.limit]), following

    async def create(self, given: dict[str, Any], by: int) -> Lead:
        """Create a lead from the validated fields of a request."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        lead_id = await self._ids.take(COLLECTION)
        document = new_document(lead_id, values, now(), change_of("created", by))
        return await self.shown(await self._creates(document))

    async def insert(self, document: Document, session: Session) -> None:
        """Insert a lead's document."""
        await self._leads.insert_one(document, session=session)

    async def change(self, lead_id: int, given: dict[str, Any], by: int) -> Lead:
        """Set the given fields only. Raises LeadNotFound."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        touched = [path for path in SEARCHED if path in values]
        if not touched or len(touched) == len(SEARCHED):
            if touched:
                values["search"] = pieces(*(values[path] for path in SEARCHED))
            return await self.update(lead_id, values, "updated", by)
        while True:
            # `search` is computed from three fields, and not all of them were sent. The filter ensures that the others
            # have not changed since they were read. Changes of the sent fields, or of any others, do not conflict.
            before = await self.find(lead_id)
            contact = before.get("contact", {})
            texts = {
                "title": before.get("title"),
                "contact.company_name": contact.get("company_name"),
                "contact.email": contact.get("email"),
            }
            unchanged = {path: text for path, text in texts.items() if path not in touched}
            values["search"] = pieces(*(texts | {path: values[path] for path in touched}).values())
            after = await self._update({"_id": lead_id, **unchanged}, values, "updated", by)
            if after is not None:
                return await self.shown(after)

    async def set_tags(self, lead_id: int, tags: list[str], by: int) -> Lead:
        """Replace the tags. Of tags that differ in case only, the first is kept. Raises LeadNotFound."""
        distinct = distinct_tags(tags)
        values = {"tags": list(distinct.values()), "folded.tags": list(distinct)}
        return await self.update(lead_id, values, "tagged", by)

    async def update(self, lead_id: int, values: dict[str, Any], event: str, by: int) -> Lead:
        """Set some paths of a lead. Raises LeadNotFound."""
        document = await self._update({"_id": lead_id}, values, event, by)
        if document is None:
            raise LeadNotFound
        return await self.shown(document)

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

    async def mark_converted(self, lead: Document, client_id: int, moment: datetime, by: int, session: Session) -> None:
        """Mark the lead as converted. A concurrent conversion conflicts here and its transaction is retried.

        Raises Unavailable if the lead is already converted.
        """
        touched = touch("converted", moment, by)
        values = {
            "converted": {"is_converted": True, "client_id": client_id, "date": moment},
            "status": CONVERTED,
        }
        result = await self._leads.update_one(
            {"_id": lead["_id"], "converted.is_converted": {"$ne": True}},
            touched | {"$set": values | touched["$set"]},
            session=session,
        )
        if result.matched_count == 0:  # a server without snapshots let another call in between; this aborts
            raise Unavailable(reason="another call changed the lead in the middle of a conversion")

    async def delete(self, lead_id: int, session: Session) -> bool:
        """Delete a lead's document; return whether it existed."""
        result = await self._leads.delete_one({"_id": lead_id}, session=session)
        return result.deleted_count == 1

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

    async def find(self, lead_id: int, session: Session = None) -> Document:
        """Return a lead's document without its comments. Raises LeadNotFound."""
        if (document := await self.find_if_there(lead_id, session)) is None:
            raise LeadNotFound
        return document

    async def find_if_there(self, lead_id: int, session: Session) -> Document | None:
        """Return a lead's document without its comments, if there is one."""
        document: Document | None = await self._leads.find_one({"_id": lead_id}, WHOLE, session=session)
        return document

    async def shown(self, document: Document) -> Lead:
        """Return a lead as callers see it."""
        (lead,) = await self._shown_all([document])
        return lead

    async def _shown_all(self, documents: list[Document]) -> list[Lead]:
        settings = await self._catalog.snapshot()
        try:
            return [lead_of(document, settings) for document in documents]
        except KeyError:  # an id that is newer than the cached settings
            settings = await self._catalog.refreshed()
            return [lead_of(document, settings) for document in documents]

    async def _is_leaving(self, member_id: int) -> bool:
        """Return whether a team user is deleted and the clean-up of assignments is pending."""
        member = (await self._catalog.snapshot()).people.get(member_id, {})
        return bool(member.get(PENDING_CLEANUP))

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
