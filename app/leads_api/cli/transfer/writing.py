"""Writes the leads of an import in batches, and checks them like any request."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, Self

import msgspec

from leads_api.catalog.cache import Snapshot
from leads_api.cli.connection import Refused
from leads_api.errors import BadRequest, Invalid, Unavailable
from leads_api.leads.schemas import LeadInput
from leads_api.memory import Memory
from leads_api.mongo.client import Database, deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.validation.bodies import JSON

SIZE = 100
"""Leads in a batch."""

_BATCH_SECONDS = 50.0
_PAUSES = (0.2, 1.0, 5.0)
"""Between the tries of a batch. What an earlier try has written is there already when it is repeated."""


class Outcome(NamedTuple):
    """What became of a record."""

    kind: Literal["created", "updated", "present", "refused"]
    reason: str = ""


class Writer:
    """Writes leads to a database, in the name of a team user."""

    def __init__(self, services: Services, user: int) -> None:
        self._services = services
        self._user = user
        self._input = services.inputs().of(None, LeadInput)

    @classmethod
    @asynccontextmanager
    async def on(cls, database: Database, settings: Settings, user: int) -> AsyncIterator[Self]:
        """Yield a writer. Raises Refused if the user is no active team user."""
        services = Services(settings, database.client, Memory())
        with deadline(_BATCH_SECONDS):
            if not await services.catalog.is_active(user):
                raise Refused(f"{user} is not the id of an active team user.")
        yield cls(services, user)

    async def settings(self) -> Snapshot:
        """Return the statuses, categories and custom fields."""
        with deadline(_BATCH_SECONDS):
            return await self._services.catalog.snapshot()

    async def check(self, bodies: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Check bodies, and write nothing."""
        with deadline(_BATCH_SECONDS):
            return [await self._checked(body) for body in bodies]

    async def _checked(self, body: Mapping[str, Any]) -> Outcome:
        try:
            await self._input.read(b"", msgspec.json.encode(body), content_type=JSON)
        except Invalid as error:
            return Outcome("refused", _reason(error.members["errors"]))
        except BadRequest as error:
            return Outcome("refused", error.message)
        return Outcome("created")

    async def write(self, bodies: Sequence[Mapping[str, Any]], on_existing: Literal["skip", "update"]) -> list[Outcome]:
        """Write a batch."""
        for pause in _PAUSES:
            try:
                return await self._write(bodies, on_existing)
            except (DatabaseError, Unavailable):
                await asyncio.sleep(pause)
        return await self._write(bodies, on_existing)


def _reason(errors: Mapping[str, Sequence[str]]) -> str:
    return " ".join(text for texts in errors.values() for text in texts)
