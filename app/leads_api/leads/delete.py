"""The use case "delete a lead" (contract, "Delete")."""

from dataclasses import dataclass

from leads_api.checklists.store import ChecklistStore
from leads_api.files.store import FileStore
from leads_api.leads.store import COLLECTION, LeadStore
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

    async def __call__(self, lead_id: int, by: int, versions: Versions) -> None:
        """Delete the lead. Raises LeadNotFound or PreconditionFailed."""

        async def committed(session: Session) -> bool | None:
            return True if await self.leads.find_if_there(lead_id, session) is None else None

        async def work(session: Session) -> bool:
            await self.with_belongings(lead_id, by, versions, session)
            return True

        await self.transact(work, records=[(COLLECTION, lead_id)], committed=committed)

    async def with_belongings(self, lead_id: int, by: int, versions: Versions, session: Session) -> None:
        """Delete the lead as part of a transaction. Raises LeadNotFound or PreconditionFailed."""
        # The lead first: a concurrent deletion or a new checklist item conflicts on its document.
        await self.leads.delete(lead_id, by, versions, session)
        await self.checklists.delete_of(lead_id, session)
        await self.files.delete_of(lead_id, session)
