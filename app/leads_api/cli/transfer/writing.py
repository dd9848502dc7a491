"""Writes the leads of an import in batches, and checks them like any request."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, Self

import msgspec

from leads_api.catalog.cache import Snapshot
from leads_api.cli.connection import Refused
from leads_api.cli.transfer.columns import EXTERNAL_ID as FIELD
from leads_api.cli.transfer.columns import Body
from leads_api.errors import BadRequest, Invalid, Unavailable
from leads_api.folding import composed
from leads_api.leads.imports import ImportLeads
from leads_api.leads.schemas import LeadInput
from leads_api.leads.store import LeadNotFound
from leads_api.memory import Memory
from leads_api.mongo.client import Database, deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Changes, Input

OnExisting = Literal["skip", "update"]

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
        inputs = services.inputs()
        self._input = inputs.of(None, LeadInput)
        self._changes = inputs.of(None, Changes[LeadInput])
        self._import = ImportLeads(
            services.database, services.leads, services.ids, catalog=services.catalog, transact=services.transact
        )

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

    async def check(self, bodies: Sequence[Body]) -> list[Outcome]:
        """Check bodies, and write nothing."""
        with deadline(_BATCH_SECONDS):
            return [await self._checked(body.filled | body.given) for body in bodies]

    async def _checked(self, body: Mapping[str, Any]) -> Outcome:
        try:
            await _read(self._input, body)
        except (Invalid, BadRequest) as error:
            return _refused(error)
        return Outcome("created")

    async def _write(self, bodies: Sequence[Body], on_existing: OnExisting) -> list[Outcome]:
        with deadline(_BATCH_SECONDS):
            holders = await asyncio.gather(*(self._holder(body) for body in bodies))
            found = [
                await self._existing(body, holder, on_existing) if holder is not None else None
                for body, holder in zip(bodies, holders, strict=True)
            ]
            return await self._create(bodies, found, on_existing)

    async def _holder(self, body: Body) -> int | None:
        """Return the lead that has the external id of a record."""
        key = body.given.get(FIELD)
        return await self._services.leads.external_ids.find(composed(key.strip())) if isinstance(key, str) else None

    async def _existing(self, body: Body, lead_id: int, on_existing: OnExisting) -> Outcome | None:
        """Leave or change a lead; None if it is gone, so that it is created."""
        if on_existing == "skip":
            return Outcome("present")
        try:
            changes = await _read(self._changes, body.given)
            await self._services.leads.change(lead_id, changes.given, self._user, None)
        except LeadNotFound:
            return None
        except (Invalid, BadRequest) as error:
            return _refused(error)
        return Outcome("updated")

    async def _create(
        self, bodies: Sequence[Body], found: list[Outcome | None], on_existing: OnExisting
    ) -> list[Outcome]:
        """Create the leads of those records that have no outcome yet."""
        given: dict[int, dict[str, Any]] = {}
        for at, body in enumerate(bodies):
            if found[at] is None:
                try:
                    given[at] = msgspec.structs.asdict(await _read(self._input, body.filled | body.given))
                except (Invalid, BadRequest) as error:
                    found[at] = _refused(error)
        for at, holder in zip(given, await self._import(list(given.values()), self._user), strict=True):
            if holder is None:
                found[at] = Outcome("created")
            else:
                found[at] = await self._existing(bodies[at], holder, on_existing) or Outcome("present")
        return [outcome for outcome in found if outcome is not None]

    async def write(self, bodies: Sequence[Body], on_existing: OnExisting) -> list[Outcome]:
        """Write a batch."""
        for pause in _PAUSES:
            try:
                return await self._write(bodies, on_existing)
            except (DatabaseError, Unavailable):
                await asyncio.sleep(pause)
        return await self._write(bodies, on_existing)


async def _read(wanted: Input, body: Mapping[str, Any]) -> Any:
    """Return a body as a request with it is read. Raises Invalid or BadRequest."""
    _, payload = await wanted.read(b"", msgspec.json.encode(body), content_type=JSON, path={})
    return payload


def _refused(error: Invalid | BadRequest) -> Outcome:
    errors: Mapping[str, Sequence[str]] = error.members.get("errors", {"body": [error.message]})
    return Outcome("refused", " ".join(text for texts in errors.values() for text in texts))
