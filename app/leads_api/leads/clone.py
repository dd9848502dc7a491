"""The use case "clone a lead" (contract, "Clone")."""

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from leads_api.catalog.model import LEAD_CATEGORY
from leads_api.checklists.store import ChecklistStore
from leads_api.clock import now
from leads_api.files.store import FileStore
from leads_api.folding import composed
from leads_api.leads.model import FIELDS, ShownLead, assignments, new_document
from leads_api.leads.schemas import CloneInput
from leads_api.leads.store import COLLECTION, LeadStore, change_of, records_of
from leads_api.mongo.client import Document, Session
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import Transact
from leads_api.mongo.versions import Versions, require

_KEPT = ("title", "value", "category", "source", "description")
_KEPT_PARTS = ("contact", "address", "custom")


@dataclass(frozen=True, slots=True)
class CloneLead:
    """Creates a copy of a lead, optionally with its checklist and files, in one transaction."""

    leads: LeadStore
    checklists: ChecklistStore
    files: FileStore
    ids: Ids
    transact: Transact

    async def __call__(self, lead_id: int, request: CloneInput, by: int, versions: Versions) -> ShownLead:
        """Return the new lead. Raises LeadNotFound, PreconditionFailed or ExternalIdTaken."""
        require(await self.leads.find(lead_id), versions)
        clone_id = await self.ids.take("leads")
        key = request.lead_external_id and composed(request.lead_external_id)
        records = [(COLLECTION, lead_id), *records_of(clone_id, key)]

        async def committed(session: Session) -> Document | None:
            return await self.leads.find_if_there(clone_id, session)

        async def work(session: Session) -> Document:
            source = await self.leads.find(lead_id, session)
            require(source, versions)
            clone = new_document(clone_id, _values(source, request), now(), change_of("cloned", by))
            await self.leads.insert(clone, session)
            if request.copy_checklist == "on":
                await self.checklists.copy(lead_id, clone_id, by, session)
            if request.copy_files == "on":
                await self.files.copy(lead_id, clone_id, session)
            return clone

        return await self.leads.shown(await self.transact(work, records=records, committed=committed))


def _values(source: Document, request: CloneInput) -> dict[str, Any]:
    """Return the fields of the clone: those of the source, overridden by those of the request."""
    given = {name: value for name, value in asdict(request).items() if name in FIELDS and value is not UNSET}
    kept = {"category": LEAD_CATEGORY} | {path: source[path] for path in _KEPT if source.get(path) is not None}
    inner = {f"{path}.{name}": value for path in _KEPT_PARTS for name, value in (source.get(path) or {}).items()}
    contact = source.get("contact") or {}
    unfolded = {
        "lead_title": source.get("title"),
        "lead_company_name": contact.get("company_name"),
        "lead_email": contact.get("email"),
        "lead_source": source.get("source"),
    }
    return kept | inner | assignments(unfolded | given, [])
