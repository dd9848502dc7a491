"""The use case "merge leads" (contract, "Merge")."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from leads_api.checklists.store import MAX_ITEMS, ChecklistStore
from leads_api.comments.store import CommentLimits
from leads_api.errors import Conflict, Faults, Invalid
from leads_api.files.store import FileStore
from leads_api.leads.combined import Combined
from leads_api.leads.model import ShownLead, external_key
from leads_api.leads.store import LeadStore, records_of
from leads_api.memory import Memory
from leads_api.mongo.client import Document, Session
from leads_api.mongo.transaction import Transact
from leads_api.mongo.versions import Versions, require
from leads_api.validation.values import NOT_SELECTABLE, add_fault

_FIELD = "lead_ids"
_TOKENS = 20
"""How many merges a lead remembers: more than can begin while the answer to a commit is being waited for."""


class ConvertedLeads(Conflict):
    """Leads that were converted stay what their clients were made from."""

    def __init__(self, lead_ids: Sequence[int]) -> None:
        ids = ", ".join(map(str, lead_ids))
        super().__init__(f"A lead that was converted to a client cannot be merged into another lead: {ids}.")


@dataclass(frozen=True, slots=True)
class MergeLeads:
    """Makes one lead of several, in one transaction."""

    leads: LeadStore
    checklists: ChecklistStore
    files: FileStore
    comment_limits: CommentLimits
    memory: Memory
    transact: Transact

    async def __call__(self, lead_id: int, lead_ids: Sequence[int], by: int, versions: Versions) -> ShownLead:
        """Return the lead that has become one with the others, which are gone.

        Raises LeadNotFound, PreconditionFailed, ConvertedLeads, or Invalid if another lead is gone or a limit would be
        exceeded; nothing is written then.
        """
        others = list(dict.fromkeys(lead_ids))
        records = [record for each in (lead_id, *others) for record in records_of(each)]
        token = secrets.token_hex(8)
        # All comments are read, and those of the others are written, in the same document.
        await self.memory.hold(2 * await self.leads.comment_bytes([lead_id, *others]))

        async def committed(session: Session) -> Document | None:
            lead = await self.leads.find_if_there(lead_id, session)
            return lead if lead is not None and token in (lead.get("merges") or ()) else None

        async def work(session: Session) -> Document:
            lead = await self.leads.with_comments(lead_id, session)
            require(lead, versions)
            await self._refuse(lead_ids, session)
            combined = Combined(lead, self.comment_limits)
            for other in others:  # one by one: a lead may be large
                combined.add(await self.leads.with_comments(other, session))
            if texts := [*combined.excesses(), *await self._too_many_items(lead_id, others, session)]:
                raise Invalid({_FIELD: texts})
            values = combined.values() | {"merges": [*(lead.get("merges") or ())[1 - _TOKENS :], token]}
            # An external id is taken over before the lead that had it is deleted.
            if (key := external_key(values)) is not None:
                await self.leads.external_ids.move(key, lead_id, session)
            merged = await self.leads.set(lead_id, values, "merged", by, session)
            await self.checklists.move(others, lead_id, session)
            await self.files.move(others, lead_id, session)
            for other in others:
                records.extend(records_of(other, await self.leads.delete(other, by, None, session)))
            return merged

        return await self.leads.shown(await self.transact(work, records=records, committed=committed))

    async def _refuse(self, lead_ids: Sequence[int], session: Session) -> None:
        """Raise ConvertedLeads or Invalid if one of the leads must not be merged into another."""
        converted = await self.leads.converted(lead_ids, session)
        if refused := [number for number in dict.fromkeys(lead_ids) if converted.get(number)]:
            raise ConvertedLeads(refused)
        faults: Faults = {}
        for position, number in enumerate(lead_ids):
            if number not in converted:  # deleted since the request was checked
                add_fault(faults, f"{_FIELD}.{position}", NOT_SELECTABLE)
        if faults:
            raise Invalid(faults)

    async def _too_many_items(self, lead_id: int, others: Sequence[int], session: Session) -> list[str]:
        if await self.checklists.count([lead_id, *others], session) <= MAX_ITEMS:
            return []
        moves = await self.checklists.count(others, session)
        return [f"A lead must not have more than {MAX_ITEMS} checklist items: merge fewer leads."] if moves else []
