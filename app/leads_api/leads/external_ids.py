"""The claims of external ids: which lead has which (contract, "External ids").

A sharded collection cannot have a unique index on another field than its key, so `leads` has none. Instead, each
external id has a document in a collection of its own, which is written in the same transaction as the lead.

A claim counts only while its lead has the external id: a process of an earlier version, or mongomock, which cannot roll
back, may leave one behind. So such a claim can be taken over.
"""

from collections.abc import Collection, Mapping

from leads_api.errors import Invalid
from leads_api.leads.model import EXTERNAL_ID, external_key
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.faults import DatabaseError, Duplicate, is_conflict
from leads_api.mongo.indexes import Indexes
from leads_api.mongo.migrations import Step
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.validation.values import TAKEN

COLLECTION = "external_ids"
SCHEMA_VERSION = 2
"""The schema version of new claims."""
INDEXES: Indexes = {COLLECTION: []}
STEPS = {COLLECTION: [Step(2)]}
SHARD_KEYS = {COLLECTION: {"_id": "hashed"}}


class ExternalIdTaken(Invalid):
    """Another lead has this external id. The response has the id of that lead."""

    def __init__(self, lead_id: int) -> None:
        super().__init__({"lead_external_id": [TAKEN.replace("{}", "lead external id")]})
        self.members["lead_id"] = lead_id


class ExternalIds:
    """Reads and writes claims. A key is an external id in the form in which it is unique (`external_key`)."""

    def __init__(self, database: Database, leads: str) -> None:
        """`leads` is the name of the collection of leads."""
        self._claims = database[COLLECTION]
        self._leads = database[leads]
        self._reads = Batcher(self._find_all, gathers=True, queue="external_ids")

    async def find(self, key: str) -> int | None:
        """Return the id of the lead that has claimed a key, in a batch with other look-ups.

        The lead may be gone, or have another external id by now.
        """
        return await self._reads(key)

    async def drain(self) -> None:
        """Wait until no look-up is in progress."""
        await self._reads.drain()

    async def claim(self, key: str, lead_id: int, session: Session) -> None:
        """Claim a key for a lead, as part of a transaction that writes the lead. Raises ExternalIdTaken.

        On mongomock, call it before the lead is written: there is no rollback.
        """
        found = await self._claims.find_one({"_id": key}, session=session)
        if found is None:
            await self._insert(key, lead_id, session)
            return
        holder = found["lead_id"]
        if holder != lead_id and await self._has(holder, key, session):
            raise ExternalIdTaken(holder)
        await self._take_over(key, holder, lead_id, session)

    async def move(self, key: str, lead_id: int, session: Session) -> None:
        """Move a claim to another lead, as part of a transaction that writes both leads."""
        await self._claims.update_one({"_id": key}, {"$set": {"lead_id": lead_id}}, session=session)

    async def release(self, key: str, lead_id: int, session: Session) -> None:
        """Remove the claim of a lead, as part of a transaction that writes the lead. Does nothing if it has moved."""
        await self._claims.delete_one({"_id": key, "lead_id": lead_id}, session=session)

    async def find_all(self, keys: Collection[str], session: Session = None) -> dict[str, int]:
        """Return the ids of the leads that have claimed some keys, by key. They may be gone by now."""
        found = self._claims.find({"_id": {"$in": list(keys)}}, session=session)
        return {claim["_id"]: claim["lead_id"] async for claim in found}

    async def claim_all(self, claims: Mapping[str, int], left: Mapping[str, int], session: Session) -> None:
        """Claim keys for leads, given by key, as part of a transaction.

        Nobody has claimed any of them, except those in `left`: these were left behind by the leads there.
        """
        new = [self._claim(key, lead_id) for key, lead_id in claims.items() if key not in left]
        try:
            if new:
                await self._claims.insert_many(new, session=session)
        except DatabaseError as error:
            if is_conflict(error):
                raise TryAgain(reason="another call has just claimed an external id of a batch") from error
            raise
        for key, lead_id in claims.items():
            if key in left:
                await self._take_over(key, left[key], lead_id, session)

    async def _take_over(self, key: str, holder: int, lead_id: int, session: Session) -> None:
        # It always changes the claim, so that of two transactions that take it over, or renew it, one is tried again.
        result = await self._claims.update_one(
            {"_id": key, "lead_id": holder}, {"$set": {"lead_id": lead_id}, "$inc": {"renewed": 1}}, session=session
        )
        if result.matched_count == 0:
            raise TryAgain(reason="another call changed a claim of an external id")

    @staticmethod
    def _claim(key: str, lead_id: int) -> Document:
        return {"_id": key, "lead_id": lead_id, "schema_version": SCHEMA_VERSION}

    async def _insert(self, key: str, lead_id: int, session: Session) -> None:
        try:
            await self._claims.insert_one(self._claim(key, lead_id), session=session)
        except Duplicate as duplicate:  # it has aborted the transaction
            raise TryAgain(reason="another call has just claimed the same external id") from duplicate

    async def _has(self, lead_id: int, key: str, session: Session) -> bool:
        lead = await self._leads.find_one({"_id": lead_id}, {EXTERNAL_ID: 1}, session=session)
        return lead is not None and external_key(lead) == key

    async def _find_all(self, keys: list[str]) -> list[int | Exception | None]:
        found = await self.find_all(set(keys))
        return [found.get(key) for key in keys]
