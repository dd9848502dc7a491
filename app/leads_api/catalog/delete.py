"""Deleting settings, and what leads hold of them (contract, section 4).

What a deleted team user or custom field leaves in leads can be much, so it is removed after the deletion was committed:
callers do not see it from then on, and `sweep` ends what a crash or a deadline cut off.
"""

import logging
from collections.abc import Awaitable, Callable

from leads_api.catalog.model import ADMIN, Category, CustomField, LeadStatus, TeamMember
from leads_api.catalog.store import CatalogStore
from leads_api.mongo.client import Document
from leads_api.mongo.faults import DatabaseError

Used = Callable[[int], Awaitable[bool]]
"""Tells whether anything refers to an id."""
Clear = Callable[[int, int], Awaitable[None]]
"""Removes from all leads what belongs to an id; the second is the user who deleted it. Safe to repeat."""

STATUS_IN_USE = "This lead status is in use and cannot be deleted. Give its leads another one first."
CATEGORY_IN_USE = "This category is in use and cannot be deleted. Give its leads another one first."
FIRST_MEMBER = "The first team member cannot be deleted."

_log = logging.getLogger("leads.catalog")


class CatalogDeletion:
    """The rules of deleting each kind of setting."""

    def __init__(
        self,
        *,
        statuses: CatalogStore[LeadStatus],
        categories: CatalogStore[Category],
        team: CatalogStore[TeamMember],
        custom_fields: CatalogStore[CustomField],
        status_used: Used,
        category_used: Used,
        clear_assignments: Clear,
        clear_values: Clear,
    ) -> None:
        self._statuses = statuses
        self._categories = categories
        self._team = team
        self._custom_fields = custom_fields
        self._status_used = status_used
        self._category_used = category_used
        self._clear_assignments = clear_assignments
        self._clear_values = clear_values

    async def status(self, status_id: int) -> None:
        """Delete a lead status that is neither the system's nor in use."""

        async def refusal(status: Document) -> str | None:
            if status["is_system"]:
                return "This lead status belongs to the system and cannot be deleted."
            if await self._status_used(status_id):
                return STATUS_IN_USE
            return None

        await self._statuses.soft_delete(status_id, refusal)

    async def category(self, category_id: int) -> None:
        """Delete a category that is neither a default nor in use."""

        async def refusal(category: Document) -> str | None:
            if category["is_default"]:
                return "This category is a default and cannot be deleted."
            if await self._category_used(category_id):
                return CATEGORY_IN_USE
            return None

        await self._categories.soft_delete(category_id, refusal)

    async def member(self, member_id: int, by: int) -> None:
        """Delete a team user, and take them from every lead."""

        async def refusal(member: Document) -> str | None:
            return FIRST_MEMBER if member["_id"] == ADMIN else None

        await self._team.soft_delete(member_id, refusal, cleanup_by=by)
        await self._try(self._clear_member, member_id, by)

    async def custom_field(self, field_id: int, by: int) -> None:
        """Delete a custom field with its values."""
        await self._custom_fields.soft_delete(field_id, cleanup_by=by)
        await self._try(self._clear_field, field_id, by)

    async def sweep(self) -> None:
        """Remove what earlier deletions have left in leads."""
        for member_id, by in await self._team.pending_cleanup():
            await self._clear_member(member_id, by)
        for field_id, by in await self._custom_fields.pending_cleanup():
            await self._clear_field(field_id, by)

    async def _clear_member(self, member_id: int, by: int) -> None:
        await self._clear_assignments(member_id, by)
        await self._team.cleaned_up(member_id)

    async def _clear_field(self, field_id: int, by: int) -> None:
        await self._clear_values(field_id, by)
        await self._custom_fields.cleaned_up(field_id)

    async def _try(self, clear: Clear, record_id: int, by: int) -> None:
        try:
            await clear(record_id, by)
        except DatabaseError as error:  # the deletion itself is committed, and so is the answer
            _log.info("the rest of deletion %s is left to the sweep: %s", record_id, type(error).__name__)
