"""The store of leads: all queries and writes of the collection `leads`."""

import itertools
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from leads_api.catalog.cache import Catalog
from leads_api.catalog.model import CONVERTED
from leads_api.clock import now
from leads_api.errors import Failure, NotFound, PreconditionFailed
from leads_api.leads import listing
from leads_api.leads.external_ids import COLLECTION as EXTERNAL_IDS
from leads_api.leads.external_ids import ExternalIds
from leads_api.leads.folded import COPIED, COPIES, SEARCHED, distinct_tags, refolded
from leads_api.leads.model import (
    EXTERNAL_ID,
    EXTERNAL_KEY,
    ShownLead,
    assignments,
    external_key,
    new_document,
    shown_lead,
)
from leads_api.mongo.batching import Batcher
from leads_api.mongo.change_streams import find_since
from leads_api.mongo.client import Database, Document, Session, update_each, without_zones
from leads_api.mongo.concurrency import ConcurrencyLimits, Record
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.ids import Ids
from leads_api.mongo.inserts import Inserts
from leads_api.mongo.migrations import Step
from leads_api.mongo.substrings import pieces
from leads_api.mongo.transaction import Transact
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.mongo.updates import Updates
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
        # The next step computes the same and more.
        Step(3),
        # 4: copies of what duplicates have in common.
        Step(4, refolded, reads=COPIED, computes=COPIES),
    ]
}

WHOLE = {"comments": 0, "search": 0, "folded": 0, "change": 0, "schema_version": 0}
"""The projection of a lead for responses: everything except comments and fields that only queries use."""


class LeadNotFound(NotFound):
    """There is no lead with this id."""

    message = "Lead not found."


_FOR_CHANGES = {"version": 1, EXTERNAL_ID: 1, "title": 1, "contact.company_name": 1, "contact.email": 1}
"""The projection of leads that a batch changes."""

_numbers = itertools.count(secrets.randbits(62))


def change_of(event: str, by: int) -> Document:
    """Return the description of a write for the change stream: the event, the user and the request id.

    The number differs in every write: the stream leaves out a value that an update does not change.
    """
    return {"type": event, "by": by, "request_id": request_id.get(), "number": next(_numbers)}


def records_of(lead_id: int, *keys: str | None) -> list[Record]:
    """Return what a transaction about a lead and the claims of external ids writes; `keys` may have None."""
    return [(COLLECTION, lead_id), *((EXTERNAL_IDS, key) for key in keys if key is not None)]


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
        self._shown = without_zones(self._leads)
        self.external_ids = ExternalIds(database, COLLECTION)
        self._ids = ids
        self._catalog = catalog
        self._transact = transact
        self._reads = Batcher(self._find_all, gathers=True, queue="lead_reads")
        self._creates = Inserts(self._leads, keys, transact)
        self.updates = Updates(self._shown, WHOLE, concurrency, transact)

    async def get(self, lead_id: int) -> ShownLead:
        """Return a lead. Raises LeadNotFound."""
        document = await self.read(lead_id)
        return await self._catalog.show(lambda settings: shown_lead(document, settings))

    async def read(self, lead_id: int) -> Document:
        """Return a lead's document without its comments, in a batch with other reads. Raises LeadNotFound."""
        if (document := await self._reads(lead_id)) is None:
            raise LeadNotFound
        return document

    async def read_if_there(self, lead_id: int) -> Document | None:
        """Return a lead's document without its comments, if there is one, in a batch with other reads."""
        return await self._reads(lead_id)

    async def drain(self) -> None:
        """Wait until no batch is in progress."""
        await self._reads.drain()
        await self._creates.drain()
        await self.updates.drain()
        await self.external_ids.drain()

    async def create(self, given: dict[str, Any], by: int) -> ShownLead:
        """Create a lead from the validated fields of a request. Raises ExternalIdTaken."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        lead_id = await self._ids.take(COLLECTION)
        document = new_document(lead_id, values, now(), change_of("created", by))
        if (key := external_key(document)) is None:
            return await self.shown(await self._creates(document))

        async def committed(session: Session) -> Document | None:
            return await self.find_if_there(lead_id, session)

        async def work(session: Session) -> Document:
            await self.insert(document, session)
            return document

        return await self.shown(await self._transact(work, records=records_of(lead_id, key), committed=committed))

    async def insert(self, document: Document, session: Session) -> None:
        """Insert a lead's document and the claim of its external id. Raises ExternalIdTaken."""
        if (key := external_key(document)) is not None:
            await self.external_ids.claim(key, document["_id"], session)
        await self._leads.insert_one(document, session=session)

    async def find_by_keys(self, keys: Collection[str], session: Session) -> tuple[dict[str, Document], dict[str, int]]:
        """Return the leads with some external ids, and the claims that leads have left behind, both by key.

        The leads have their versions, and the texts that `search` is computed from.
        """
        claims = await self.external_ids.find_all(keys, session) if keys else {}
        wanted = {"_id": {"$in": sorted(set(claims.values()))}}
        found = self._leads.find(wanted, _FOR_CHANGES, session=session) if claims else None
        leads = {lead["_id"]: lead async for lead in found} if found is not None else {}
        there = {key: leads[holder] for key, holder in claims.items() if external_key(leads.get(holder, {})) == key}
        return there, {key: holder for key, holder in claims.items() if key not in there}

    async def is_written(
        self, documents: Iterable[Document], updates: Sequence[tuple[Document, Document]], session: Session
    ) -> bool:
        """Return whether these new leads and changes have been committed, which are so together or not at all."""
        # Any of them shows it: others may have changed or deleted some since.
        marks: list[Document] = [{"_id": {"$in": [document["_id"] for document in documents]}}]
        marks += [{"_id": wanted["_id"], "change": update["$set"]["change"]} for wanted, update in updates]
        return await self._leads.find_one({"$or": marks}, {"_id": 1}, session=session) is not None

    async def write_all(
        self, documents: Sequence[Document], updates: Sequence[tuple[Document, Document]], session: Session
    ) -> None:
        """Insert leads, whose external ids are claimed, and change some, as part of a transaction."""
        if documents:
            await self._leads.insert_many(documents, session=session)
        if await update_each(self._leads, updates, session) != len(updates):
            raise TryAgain(reason="another call changed a lead in the middle of a batch")

    async def change(self, lead_id: int, given: dict[str, Any], by: int, versions: Versions) -> ShownLead:
        """Set the given fields only. Raises LeadNotFound, PreconditionFailed or ExternalIdTaken."""
        settings = await self._catalog.snapshot()
        values = assignments(given, settings.custom_fields)
        where = condition(versions)
        if EXTERNAL_ID not in values:
            after = await self._set(lead_id, where, values, by)
        else:
            # Usually the external id stays the same, or there is none. Then no claim is written.
            after = await self._set(lead_id, where | {EXTERNAL_KEY: external_key(values)}, values, by)
            if after is None:
                after = await self._change_external_id(lead_id, values, by, versions)
        if after is None:
            raise await self._refusal(lead_id, versions)
        return await self.shown(after)

    async def _set(self, lead_id: int, where: Document, values: dict[str, Any], by: int) -> Document | None:
        """Set some paths of a lead, and `search`. Return its document, or None if it does not match `where`."""
        touched = [path for path in SEARCHED if path in values]
        if not touched or len(touched) == len(SEARCHED):
            if touched:
                values["search"] = pieces(*(values[path] for path in SEARCHED))
            return await self._update(lead_id, where, values, "updated", by)
        while (before := await self._leads.find_one({"_id": lead_id, **where}, WHOLE)) is not None:
            # `search` is computed from three fields, and not all of them were sent. The filter ensures that the others
            # have not changed since they were read. Changes of the sent fields, or of any others, do not conflict.
            texts = searched(before)
            values["search"] = pieces(*(texts | {path: values[path] for path in touched}).values())
            unchanged = {path: text for path, text in texts.items() if path not in touched}
            after = await self._update(lead_id, {**where, **unchanged}, values, "updated", by)
            if after is not None:
                return after
        return None

    async def _change_external_id(self, lead_id: int, values: dict[str, Any], by: int, versions: Versions) -> Document:
        """Set some paths of a lead, its external id among them, and change the claims in the same transaction.

        Raises LeadNotFound, PreconditionFailed or ExternalIdTaken.
        """
        key, touched = external_key(values), touch("updated", now(), by)
        written: Document = {}

        async def committed(session: Session) -> Document | None:
            # The version says which write it was, the request id whose.
            ours = {"version": written["version"], "change": touched["$set"]["change"]}
            found: Document | None = await self._leads.find_one({"_id": lead_id, **ours}, WHOLE, session=session)
            return found

        async def work(session: Session) -> Document:
            before = await self.find(lead_id, session)
            require(before, versions)
            records[:] = records_of(lead_id, key, external_key(before))
            if key is not None:
                await self.external_ids.claim(key, lead_id, session)
            texts = {path: values.get(path, text) for path, text in searched(before).items()}
            update = touched | {"$set": values | touched["$set"] | {"search": pieces(*texts.values())}}
            if key is None:
                update["$unset"] = {EXTERNAL_KEY: ""}
            after = await self._leads.find_one_and_update(
                {"_id": lead_id, "version": before.get("version")},
                update,
                projection=WHOLE,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if after is None:
                raise TryAgain(reason="another call changed the lead in the middle of a change of its external id")
            if (old := external_key(before)) not in {None, key}:
                await self.external_ids.release(old, lead_id, session)
            written.update(after)
            return after

        before = await self.find(lead_id)
        require(before, versions)
        records = records_of(lead_id, key, external_key(before))
        return await self._transact(work, records=records, committed=committed)

    async def set_tags(self, lead_id: int, tags: list[str], by: int, versions: Versions) -> ShownLead:
        """Replace the tags. Of tags that differ in case only, the first is kept. Raises like `update`."""
        distinct = distinct_tags(tags)
        values = {"tags": list(distinct.values()), "folded.tags": list(distinct)}
        return await self.update(lead_id, values, "tagged", by, versions)

    async def update(self, lead_id: int, values: dict[str, Any], event: str, by: int, versions: Versions) -> ShownLead:
        """Set some paths of a lead. Raises LeadNotFound or PreconditionFailed."""
        document = await self._update(lead_id, condition(versions), values, event, by)
        if document is None:
            raise await self._refusal(lead_id, versions)
        return await self.shown(document)

    async def change_if(
        self, lead_id: int, key: str, given: dict[str, Any], by: int, versions: Versions
    ) -> ShownLead | None:
        """Set the given fields if the lead has this external id and one of these versions; else return None."""
        settings = await self._catalog.snapshot()
        where = {EXTERNAL_KEY: key, **condition(versions)}
        after = await self._set(lead_id, where, assignments(given, settings.custom_fields), by)
        return None if after is None else await self.shown(after)

    async def _refusal(self, lead_id: int, versions: Versions, session: Session = None) -> Failure:
        """Return why no lead with this id is in one of these versions. Raises LeadNotFound."""
        if versions is None:
            return LeadNotFound()
        await self.find(lead_id, session)
        return PreconditionFailed()

    async def _update(
        self, lead_id: int, where: Document, values: dict[str, Any], event: str, by: int
    ) -> Document | None:
        return await self.updates.find_and_update(lead_id, where, _setting(values, event, now(), by))

    async def set(self, lead_id: int, values: dict[str, Any], event: str, by: int, session: Session) -> Document:
        """Set some paths of a lead, and return its document, in a transaction. Raises LeadNotFound."""
        document: Document | None = await self._leads.find_one_and_update(
            {"_id": lead_id},
            _setting(values, event, now(), by),
            projection=WHOLE,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if document is None:
            raise LeadNotFound
        return document

    async def mark_converted(self, marks: Sequence[tuple[Document, Document]], session: Session) -> bool:
        """Mark leads as converted (`conversion_of`); return whether none of them has changed since it was read.

        A change that is not committed yet conflicts here.
        """
        if len(marks) > 1:
            return await update_each(self._leads, marks, session) == len(marks)
        return (await self._leads.update_one(*marks[0], session=session)).matched_count == 1

    async def delete(self, lead_id: int, by: int, versions: Versions, session: Session) -> str | None:
        """Delete a lead's document and the claim of its external id. Raises LeadNotFound or PreconditionFailed.

        Return the key of the claim, if there was one.
        """
        # The change stream tells of a deletion only which document it was. So an update says before who it is by.
        found = await self._leads.find_one_and_update(
            {"_id": lead_id, **condition(versions)},
            touch("deleted", now(), by),
            projection={EXTERNAL_ID: 1},
            session=session,
        )
        if found is None:
            raise await self._refusal(lead_id, versions, session)
        await self._leads.delete_one({"_id": lead_id}, session=session)
        if (key := external_key(found)) is not None:
            await self.external_ids.release(key, lead_id, session)
        return key

    async def hold(self, lead_id: int, session: Session) -> bool:
        """Prevent the deletion of a lead until the transaction ends; return whether the lead exists.

        The write makes a concurrent deletion conflict. It does not change the lead, so the version stays the same.
        """
        result = await self._leads.update_one({"_id": lead_id}, {"$inc": {"held": 1}}, session=session)
        return result.matched_count == 1

    async def existing(self, ids: Collection[int]) -> Collection[int]:
        """Return the subset of the ids for which there is a lead."""
        return {lead["_id"] async for lead in self._leads.find({"_id": {"$in": list(ids)}}, {"_id": 1})}

    async def converted(self, ids: Collection[int], session: Session) -> dict[int, bool]:
        """Return whether leads have been converted, by the ids of those that there are."""
        found = self._leads.find({"_id": {"$in": list(ids)}}, {"converted": 1}, session=session)
        return {lead["_id"]: (lead.get("converted") or {}).get("is_converted") is True async for lead in found}

    async def comment_bytes(self, ids: Collection[int]) -> int:
        """Return the size of the comments of some leads together. Leads of earlier versions may not tell theirs."""
        found = self._leads.find({"_id": {"$in": list(ids)}}, {"comments_bytes": 1})
        return sum([max(0, lead.get("comments_bytes") or 0) async for lead in found])

    async def _find_all(self, lead_ids: list[int]) -> list[Document | Exception | None]:
        if len(lead_ids) == 1:
            return [await self._shown.find_one({"_id": lead_ids[0]}, WHOLE)]
        found = {lead["_id"]: lead async for lead in self._shown.find({"_id": {"$in": list(set(lead_ids))}}, WHOLE)}
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

    async def with_comments(self, lead_id: int, session: Session) -> Document:
        """Return a lead's document with its comments, without `search`. Raises LeadNotFound."""
        document: Document | None = await self._leads.find_one({"_id": lead_id}, {"search": 0}, session=session)
        if document is None:
            raise LeadNotFound
        return document

    async def shown(self, document: Document, *, written: bool = True) -> ShownLead:
        """Return a lead as callers see it; with `written`, one that has just been written."""
        return await self._catalog.show(lambda settings: shown_lead(document, settings), written=written)

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


def change_at(
    lead_id: int, version: int | None, texts: dict[str, Any], values: dict[str, Any], by: int
) -> tuple[Document, Document]:
    """Return filter and update of a change of a lead in a version, as a part of a transaction.

    `texts` are those that `search` is computed from; they are changed as well.
    """
    changed = {path: values[path] for path, text in texts.items() if path in values and values[path] != text}
    if changed:
        texts.update(changed)
        values = values | {"search": pieces(*texts.values())}
    return {"_id": lead_id, "version": version}, _setting(values, "updated", now(), by)


def conversion_of(lead: Document, client_id: int, moment: datetime, by: int) -> tuple[Document, Document]:
    """Return filter and update that mark a lead as converted, unless it has changed since it was read."""
    converted = {"is_converted": True, "client_id": client_id, "date": moment}
    values = {"converted": converted, "status": CONVERTED}
    return {"_id": lead["_id"], "version": lead.get("version")}, _setting(values, "converted", moment, by)


def _setting(values: dict[str, Any], event: str, moment: datetime, by: int) -> Document:
    """Return the update that sets some paths of a lead."""
    touched = touch(event, moment, by)
    return touched | {"$set": values | touched["$set"]}


def searched(lead: Document) -> dict[str, Any]:
    """Return the texts that `search` is computed from, by path."""
    contact = lead.get("contact") or {}
    return {
        "title": lead.get("title"),
        "contact.company_name": contact.get("company_name"),
        "contact.email": contact.get("email"),
    }
