"""Creates many leads in one transaction: what `leads import` writes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from leads_api.catalog.cache import Catalog
from leads_api.clock import now
from leads_api.leads.external_ids import COLLECTION as EXTERNAL_IDS
from leads_api.leads.external_ids import SCHEMA_VERSION
from leads_api.leads.model import EXTERNAL_ID, assignments, external_key, new_document
from leads_api.leads.store import COLLECTION, LeadStore, change_of, records_of
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.ids import Ids
from leads_api.mongo.inserts import insert_many
from leads_api.mongo.transaction import Transact


class ImportLeads:
    """Creates leads that have external ids; those whose external id is taken are left out."""

    def __init__(self, database: Database, leads: LeadStore, ids: Ids, *, catalog: Catalog, transact: Transact) -> None:
        self._claims = database[EXTERNAL_IDS]
        self._leads = database[COLLECTION]
        self._store = leads
        self._ids = ids
        self._catalog = catalog
        self._transact = transact

    async def __call__(self, given: Sequence[Mapping[str, Any]], by: int) -> list[int | None]:
        """Create leads from the validated fields of requests, all or none of those that can be created.

        Return for each the lead that already has its external id; None if it was created. The first of several with the
        same external id is created.
        """
        settings = await self._catalog.snapshot()
        lead_ids = await asyncio.gather(*(self._ids.take(COLLECTION) for _ in given))
        documents = [
            new_document(lead_id, assignments(fields, settings.custom_fields), now(), change_of("created", by))
            for lead_id, fields in zip(lead_ids, given, strict=True)
        ]
        keys = [external_key(document) or "" for document in documents]
        first: dict[str, Document] = {}
        for key, document in zip(keys, documents, strict=True):
            first.setdefault(key, document)

        async def work(session: Session) -> dict[str, int]:
            holders = await self._holders(list(first), session)
            new = {key: document for key, document in first.items() if key not in holders}
            if new:
                await self._insert(new, session)
            return holders

        async def committed(session: Session) -> dict[str, int] | None:
            holders = await self._holders(list(first), session)
            ours = {key: lead_id for key, lead_id in holders.items() if lead_id == first[key]["_id"]}
            if not ours:
                return None
            return {key: lead_id for key, lead_id in holders.items() if key not in ours}

        records = [record for key, document in first.items() for record in records_of(document["_id"], key)]
        holders = await self._transact(work, records=records, committed=committed) if first else {}
        return [
            holders.get(key, None if document is first[key] else first[key]["_id"])
            for key, document in zip(keys, documents, strict=True)
        ]

    async def _holders(self, keys: Sequence[str], session: Session) -> dict[str, int]:
        """Return the leads that have these external ids."""
        found = self._claims.find({"_id": {"$in": list(keys)}}, session=session)
        claimed = {claim["_id"]: claim["lead_id"] async for claim in found}
        if not claimed:
            return {}
        there = self._leads.find({"_id": {"$in": list(claimed.values())}}, {EXTERNAL_ID: 1}, session=session)
        having = {lead["_id"]: external_key(lead) async for lead in there}
        return {key: lead_id for key, lead_id in claimed.items() if having.get(lead_id) == key}

    async def _insert(self, new: Mapping[str, Document], session: Session) -> None:
        claimed = {claim["_id"] async for claim in self._claims.find({"_id": {"$in": list(new)}}, session=session)}
        for key in claimed:  # left behind by a lead that is gone
            await self._store.external_ids.claim(key, new[key]["_id"], session)
        claims = [
            {"_id": key, "lead_id": document["_id"], "schema_version": SCHEMA_VERSION}
            for key, document in new.items()
            if key not in claimed
        ]
        await insert_many(self._claims, claims, session)
        await insert_many(self._leads, list(new.values()), session)
