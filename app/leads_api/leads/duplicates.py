"""The duplicates of a lead: other leads of probably the same person or company (contract, "Duplicates")."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from leads_api.leads.folded import folded
from leads_api.leads.model import Contact, Lead
from leads_api.leads.pages import LeadPages
from leads_api.leads.store import LeadStore
from leads_api.mongo.client import Document

MOST = 50
Criterion = Literal["email", "phone", "company_and_name"]

_COMPARED: Mapping[Criterion, Sequence[str]] = {
    "email": ("folded.email",),
    "phone": ("folded.phone",),
    "company_and_name": ("folded.company_name", "folded.last_name"),
}
"""The paths that duplicates have in common. The indexes in `listing` have each of these together."""


class LeadDuplicate(Lead, frozen=True, gc=False):
    """A lead that has something in common with another one."""

    matched_on: Annotated[list[Criterion], Meta(description="What the two leads have in common.")]


class LeadDuplicates(Struct, frozen=True, gc=False):
    """The duplicates of a lead."""

    data: Annotated[Sequence[LeadDuplicate], Meta(description=f"The newest {MOST}, newest first.")]
    message: Annotated[str, Meta(description="What was done.")]


class Duplicates:
    """Finds the duplicates of a lead. Leads of earlier versions are found once they are migrated."""

    def __init__(self, leads: LeadStore, pages: LeadPages) -> None:
        self._leads = leads
        self._pages = pages

    async def of(self, lead_id: int) -> list[LeadDuplicate]:
        """Return the duplicates of a lead. Raises LeadNotFound."""
        own = filters_of((await self._leads.get(lead_id)).lead.contact)
        found = await self._pages.newest(own.values(), besides=lead_id, limit=MOST)
        matches = ((lead, _matches(own, filters_of(lead.contact))) for lead in found)
        # A lead may have changed since it was found.
        return [LeadDuplicate(**asdict(lead), matched_on=matched) for lead, matched in matches if matched]


def filters_of(contact: Contact) -> dict[Criterion, Document]:
    """Return the filters that find the duplicates of a lead, by what they have in common."""
    copies = folded(
        {
            "contact.email": contact.email,
            "contact.phone": contact.phone,
            "contact.company_name": contact.company_name,
            "contact.last_name": contact.last_name,
        }
    )
    return {
        criterion: {path: copies[path] for path in paths}
        for criterion, paths in _COMPARED.items()
        if all(copies[path] for path in paths)
    }


def _matches(one: Mapping[Criterion, Document], other: Mapping[Criterion, Document]) -> list[Criterion]:
    return [criterion for criterion, wanted in one.items() if other.get(criterion) == wanted]
