"""The use case "delete a lead" (contract, "Delete")."""

from dataclasses import dataclass

from leads_api.checklists.store import ChecklistStore
from leads_api.files.store import FileStore
from leads_api.leads.store import LeadStore, records_of
from leads_api.mongo.client import Session
from leads_api.mongo.transaction import Transact
from leads_api.mongo.versions import Versions


@dataclass(frozen=True, slots=True)
class DeleteLead:
    """Deletes a lead, its comments, checklist items and files in one transaction. Its client stays."""

    leads: LeadStore
    checklists: ChecklistStore
    files: FileStore
    transact: Transact

    async def __call__(self, lead_id: int, versions: Versions) -> None:
        """Delete the lead. Raises LeadNotFound or PreconditionFailed."""
        records = records_of(lead_id)

        async def committed(session: Session) -> bool | None:
            return True if await self.leads.find_if_there(lead_id, session) is None else None

        async def work(session: Session) -> bool:
            key = await self.with_belongings(lead_id, versions, session)
            records[:] = records_of(lead_id, key)
            return True

        await self.transact(work, records=records, committed=committed)

    async def with_belongings(self, lead_id: int, versions: Versions, session: Session) -> str | None:
        """Delete the lead as part of a transaction. Raises LeadNotFound or PreconditionFailed.

        Return the key of its external id, if it had one.
        """
        # The lead first: a concurrent deletion or a new checklist item conflicts on its document.
        key = await self.leads.delete(lead_id, versions, session)
        await self.checklists.delete_of(lead_id, session)
        await self.files.delete_of(lead_id, session)
        return key
