"""The use case "write several leads in one request" (contract, "Batches")."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.catalog.cache import Catalog
from leads_api.clock import now
from leads_api.errors import Faults, Invalid
from leads_api.folding import composed
from leads_api.http.envelope import Done
from leads_api.leads.external_ids import COLLECTION as EXTERNAL_IDS
from leads_api.leads.external_ids import ExternalIdTaken
from leads_api.leads.model import assignments, new_document
from leads_api.leads.store import COLLECTION, LeadStore, change_at, change_of, searched
from leads_api.mongo.client import Document, Session
from leads_api.mongo.concurrency import Record
from leads_api.mongo.faults import DatabaseError, TooLarge, as_failure, is_too_large, too_large_at
from leads_api.mongo.ids import Ids
from leads_api.mongo.sizes import exceeds_document
from leads_api.mongo.transaction import Transact
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.validation.inputs import Item

OnExisting = Literal["fail", "update"]
Items = Sequence[Item[Any]]


class WrittenLead(Struct, frozen=True, gc=False):
    """What became of one lead of a batch: created (201), changed (200) or refused (422)."""

    status: Annotated[int, Meta(description="201: created, 200: changed, 422: refused.")]
    id: Annotated[int | UnsetType, Meta(description="Id of the lead. Absent if it was refused.")] = UNSET
    version: Annotated[int | UnsetType, Meta(description="Its version. Absent if it was refused.")] = UNSET
    errors: Annotated[
        dict[str, list[str]] | UnsetType, Meta(description="Why it was refused: texts by field, as for a single lead.")
    ] = UNSET
    lead_id: Annotated[int | UnsetType, Meta(description="The lead that has the external id, if it is taken.")] = UNSET


class LeadBatchResponse(Struct, frozen=True, gc=False):
    """What became of the leads of a batch."""

    data: Annotated[list[WrittenLead], Meta(description="One for each lead, in the order sent.")]
    message: Done


@dataclass(slots=True)
class _Known:
    """A lead that is there, or was created by an earlier item of the batch."""

    id: int
    version: int | None
    texts: dict[str, Any]


@dataclass(slots=True)
class _Plan:
    """What a batch writes, and what it answers."""

    results: list[WrittenLead] = field(default_factory=list)
    created: dict[int, Document] = field(default_factory=dict)
    """New leads, by the places of their items."""
    changes: list[tuple[Document, Document]] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    """The places of the items that make the changes."""
    claims: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteLeads:
    """Creates leads, or changes those with the same external ids, in one transaction."""

    leads: LeadStore
    catalog: Catalog
    ids: Ids
    transact: Transact

    async def __call__(self, items: Items, on_existing: OnExisting, by: int) -> list[WrittenLead]:
        """Write what can be written, as if one after the other; return what became of each."""
        settings = await self.catalog.snapshot()
        keys = sorted({key for item in items if (key := _key(item)) is not None})
        holders = await self.leads.external_ids.find_all(keys) if keys else {}
        records: list[Record] = [(EXTERNAL_IDS, key) for key in keys]
        records += {(COLLECTION, lead_id) for lead_id in holders.values()}
        numbers = await self._numbers(items, holders, {})
        documents: dict[int, Document] = {}
        refused: dict[int, Invalid] = {}
        plan = _Plan()

        def document_of(place: int) -> Document:
            if place not in documents:
                values = assignments(items[place].whole(), settings.custom_fields)
                documents[place] = new_document(numbers[place], values, now(), change_of("created", by))
            return documents[place]

        def values_of(place: int) -> dict[str, Any]:
            return assignments(items[place].changes(), settings.custom_fields)

        async def committed(session: Session) -> list[WrittenLead] | None:
            return plan.results if await self.leads.is_written(plan.created.values(), plan.changes, session) else None

        async def work(session: Session) -> list[WrittenLead]:
            nonlocal plan
            there, left = await self.leads.find_by_keys(keys, session)
            numbers.update(await self._numbers(items, there, numbers))
            plan = _plan(items, on_existing, there, refused, document_of=document_of, values_of=values_of, by=by)
            written = [*plan.created.values(), *there.values()]
            records[len(keys) :] = {(COLLECTION, document["_id"]) for document in written}
            await self.leads.external_ids.claim_all(plan.claims, left, session)
            try:
                await self.leads.write_all(list(plan.created.values()), plan.changes, session)
            except (TooLarge, DatabaseError) as error:
                if not (found := _too_large(plan, error)):
                    raise
                refused.update(dict.fromkeys(found, Invalid(as_failure(error).members["errors"])))
                raise TryAgain(reason="a lead of a batch would be too large") from error
            return plan.results

        return await self.transact(work, records=records, committed=committed)

    async def _numbers(self, items: Items, there: Collection[str], known: Mapping[int, int]) -> dict[int, int]:
        """Return ids for those items that may be new leads, by their places: without those that have one already."""
        missing = [
            place
            for place, item in enumerate(items)
            if place not in known and not item.faults and _key(item) not in there
        ]
        last = await self.ids.take(COLLECTION, len(missing)) if missing else 0
        return {place: last - len(missing) + 1 + index for index, place in enumerate(missing)}


def _plan(
    items: Items,
    on_existing: OnExisting,
    there: Mapping[str, Document],
    refused: Mapping[int, Invalid],
    *,
    document_of: Callable[[int], Document],
    values_of: Callable[[int], dict[str, Any]],
    by: int,
) -> _Plan:
    """Return what to write, if the leads in `there` have these external ids now."""
    plan = _Plan()
    known = {key: _Known(lead["_id"], lead.get("version"), searched(lead)) for key, lead in there.items()}
    for place, item in enumerate(items):
        key = _key(item)
        try:
            if place in refused:
                raise refused[place]
            lead = None if key is None else known.get(key)
            if lead is not None and on_existing == "update":
                values = values_of(place)
                plan.changes.append(change_at(lead.id, lead.version, lead.texts, values, by))
                plan.changed.append(place)
                lead.version = (lead.version or 1) + 1
                plan.results.append(WrittenLead(200, lead.id, lead.version))
                continue
            if lead is not None:
                item.whole()  # its own faults are told first
                raise ExternalIdTaken(lead.id)
            document = document_of(place)
            plan.created[place] = document
            if key is not None:
                known[key] = _Known(document["_id"], 1, searched(document))
                plan.claims[key] = document["_id"]
            plan.results.append(WrittenLead(201, document["_id"], 1))
        except Invalid as refusal:
            errors: Faults = refusal.members["errors"]
            plan.results.append(WrittenLead(422, errors=errors, lead_id=refusal.members.get("lead_id", UNSET)))
    return plan


def _key(item: Item[Any]) -> str | None:
    external_id = item.given.get("lead_external_id")
    return None if external_id is None else composed(external_id)


def _too_large(plan: _Plan, error: Exception) -> list[int]:
    """Return the places of the items that would make their leads larger than the database can keep."""
    if not is_too_large(error):
        return []
    found = [place for place, document in plan.created.items() if exceeds_document(document)]
    index = too_large_at(error)
    return found or ([] if index is None else [plan.changed[index]])
