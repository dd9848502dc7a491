"""The use cases "get a lead by its external id" and "create or change it" (contract, "External ids")."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leads_api.errors import PreconditionFailed
from leads_api.folding import composed
from leads_api.http.preconditions import Existence
from leads_api.leads.external_ids import ExternalIdTaken
from leads_api.leads.model import EXTERNAL_ID, ShownLead, external_key
from leads_api.leads.store import LeadNotFound, LeadStore
from leads_api.mongo.client import Document
from leads_api.mongo.versions import Versions, require

_FIELD = "lead_external_id"


class AlreadyThere(PreconditionFailed):
    """`If-None-Match: *` allows no lead that is there."""

    message = "There is such a lead already. Leave If-None-Match out to change it."


class NotThere(PreconditionFailed):
    """`If-Match` needs a lead that is there."""

    message = "There is no lead with this external id, so If-Match cannot hold. Leave it out to create the lead."


class _Moved(Exception):  # noqa: N818 - named as the failures are
    """The lead has changed since it was read, or is gone."""


@dataclass(frozen=True, slots=True)
class LeadsByExternalId:
    """Finds the lead with an external id. Other calls may give it to another lead, or set it free, at any moment."""

    leads: LeadStore

    async def get(self, external_id: str) -> ShownLead:
        """Return the lead. Raises LeadNotFound."""
        document = await self._find(composed(external_id))
        if document is None:
            raise LeadNotFound
        return await self.leads.shown(document, written=False)

    async def write(
        self,
        external_id: str,
        given: dict[str, Any],
        whole: Callable[[], dict[str, Any]],
        by: int,
        versions: Versions,
        *,
        if_there: Existence,
    ) -> tuple[ShownLead, bool]:
        """Change the lead, or create it if there is none; return it, and whether it is new.

        `given` are the fields of a change, and `whole` returns those of a new lead. Raises PreconditionFailed, and what
        `whole` raises. Of concurrent calls, one creates the lead, and the others change it.
        """
        key = composed(external_id)
        if given.get(_FIELD) is None:
            given = {name: value for name, value in given.items() if name != _FIELD}
        while True:
            lead_id = await self.leads.external_ids.find(key)
            if lead_id is not None and not if_there.excluded:
                changed = await self.leads.change_if(lead_id, key, given, by, versions)
                if changed is not None:
                    return changed, False
            there = await self._find(key)
            if there is not None and if_there.excluded:
                raise AlreadyThere
            if there is None and if_there.required:
                raise NotThere
            try:
                if there is not None:
                    return await self._change(there, given, by, versions), False
                named = {_FIELD: external_id} | given  # in the body, it may be in another form than in the path
                return await self.leads.create(whole() | {_FIELD: named[_FIELD]}, by), True
            except (ExternalIdTaken, _Moved):  # just now, by another call
                continue

    async def _change(self, lead: Document, given: dict[str, Any], by: int, versions: Versions) -> ShownLead:
        """Change a lead that has just been created or given the external id. Raises PreconditionFailed or _Moved."""
        require(lead, versions)
        fields = {_FIELD: lead[EXTERNAL_ID]} | given
        try:
            return await self.leads.change(lead["_id"], fields, by, frozenset({lead.get("version") or 1}))
        except (LeadNotFound, PreconditionFailed):
            raise _Moved from None

    async def _find(self, key: str) -> Document | None:
        """Return the document of the lead with an external id."""
        before = None
        while (lead_id := await self.leads.external_ids.find(key)) is not None and lead_id != before:
            document = await self.leads.read_if_there(lead_id)
            if document is not None and external_key(document) == key:
                return document
            before = lead_id  # the claim was left behind, unless it has moved by now
        return None
