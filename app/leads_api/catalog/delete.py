"""Soft deletion of settings, and the clean-up of leads that refer to them (contract, section 4).

Many leads may refer to a deleted team user or custom field, so these references are removed after the deletion is
committed. Callers do not see them from the commit on. Other processes may add references as long as their caches have
the deleted record, so the clean-up stays pending for longer than that, and `sweep` repeats it. It also finishes a
clean-up that a crash or a deadline interrupts.
"""

import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from leads_api.catalog.model import ADMIN, Category, CustomField, LeadStatus, TeamMember
from leads_api.catalog.store import CatalogStore
from leads_api.mongo.client import Document
from leads_api.mongo.faults import DatabaseError, described

T = TypeVar("T")

Used = Callable[[int], Awaitable[bool]]
"""Returns whether anything refers to an id."""
Clear = Callable[[int, int], Awaitable[None]]
"""Removes all references to an id from leads; the second id is the user who deleted it. Safe to repeat."""

SYSTEM_STATUS = "This lead status belongs to the system and cannot be deleted."
DEFAULT_CATEGORY = "This category is a default and cannot be deleted."
STATUS_IN_USE = "This lead status is in use and cannot be deleted. Give its leads another one first."
CATEGORY_IN_USE = "This category is in use and cannot be deleted. Give its leads another one first."
FIRST_MEMBER = "The first team member cannot be deleted."
FIRST_MEMBER_ACTIVE = "The first team member cannot be suspended."

SETTLED_SECONDS = 180.0
"""How long a clean-up is repeated after a deletion. Longer than any process can still add references.

A cache has a deleted record for at most 60 s (LEADS_CACHE_SECONDS). A request that was checked by it is written within
the next 60 s (LEADS_REQUEST_TIMEOUT).
"""

_log = logging.getLogger("leads.catalog")


class CatalogDeletion:
    """Deletes settings, by the rules of each kind."""

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
        self._pending_since: dict[str, dict[int, float]] = {}

    async def status(self, status_id: int) -> None:
        """Delete a lead status. Raises RecordNotFound, or Conflict if it is a system status or in use."""

        async def refusal(status: Document) -> str | None:
            if status["is_system"]:
                return SYSTEM_STATUS
            if await self._status_used(status_id):
                return STATUS_IN_USE
            return None

        await self._statuses.soft_delete(status_id, refusal)

    async def category(self, category_id: int) -> None:
        """Delete a category. Raises RecordNotFound, or Conflict if it is a default or in use."""

        async def refusal(category: Document) -> str | None:
            if category["is_default"]:
                return DEFAULT_CATEGORY
            if await self._category_used(category_id):
                return CATEGORY_IN_USE
            return None

        await self._categories.soft_delete(category_id, refusal)

    async def member(self, member_id: int, by: int) -> None:
        """Delete a team user and all assignments. Raises RecordNotFound, or Conflict for the first team user."""

        async def refusal(member: Document) -> str | None:
            return FIRST_MEMBER if member["_id"] == ADMIN else None

        await self._team.soft_delete(member_id, refusal, cleanup_by=by)
        await self._try(self._clear_assignments, member_id, by)

    async def custom_field(self, field_id: int, by: int) -> None:
        """Delete a custom field and all its values. Raises RecordNotFound."""
        await self._custom_fields.soft_delete(field_id, cleanup_by=by)
        await self._try(self._clear_values, field_id, by)

    async def sweep(self) -> None:
        """Repeat pending clean-ups, and end those that this process has known for SETTLED_SECONDS.

        The time is measured here, since clocks of other processes may be wrong. A restart begins anew.
        """
        await self._sweep(self._team, self._clear_assignments)
        await self._sweep(self._custom_fields, self._clear_values)

    async def _sweep(self, store: CatalogStore[T], clear: Clear) -> None:
        pending, began = await store.pending_cleanup(), monotonic()
        known = self._pending_since.get(store.kind.collection, {})
        known = {record_id: known.get(record_id, began) for record_id, _ in pending}
        self._pending_since[store.kind.collection] = known
        for record_id, by in pending:
            await clear(record_id, by)
            if began - known[record_id] >= SETTLED_SECONDS:
                await store.cleaned_up(record_id)

    async def _try(self, clear: Clear, record_id: int, by: int) -> None:
        try:
            await clear(record_id, by)
        except DatabaseError as error:  # the deletion is committed, so the request succeeds
            _log.info("the clean-up of deletion %s is left to the sweep: %s", record_id, described(error))
