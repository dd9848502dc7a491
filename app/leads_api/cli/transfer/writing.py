"""Writes the leads of an import in batches, and checks them like any request."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, Self

import msgspec
from msgspec import UNSET

from leads_api.catalog.cache import Snapshot
from leads_api.cli.connection import Refused
from leads_api.cli.transfer.columns import EXTERNAL_ID, Body
from leads_api.cli.transfer.state import PAUSES
from leads_api.errors import BadRequest, Invalid, Unavailable
from leads_api.folding import composed
from leads_api.leads.batch import WrittenLead
from leads_api.leads.schemas import LeadBatch, LeadInput
from leads_api.memory import Memory
from leads_api.mongo.client import Database, deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Input

OnExisting = Literal["skip", "update"]

SIZE = 100
"""Leads in a batch."""

_BATCH_SECONDS = 50.0


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
        self._batches = inputs.of(None, LeadBatch)

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
            keys = [key_of(body) for body in bodies]
            there = await self._there([key for key in keys if key is not None])
            new = [at for at, key in enumerate(keys) if key not in there]
            outcomes = await self._batch({at: bodies[at].filled | bodies[at].given for at in new}, "fail")
            # Somebody else may have made some of the others meanwhile.
            rest = [at for at in range(len(bodies)) if at not in outcomes or outcomes[at].kind == "present"]
            if on_existing == "skip":
                outcomes |= dict.fromkeys(rest, Outcome("present"))
            else:  # a lead that is there keeps what the record does not have
                outcomes |= await self._batch({at: bodies[at].given for at in rest}, "update")
            return [outcomes[at] for at in range(len(bodies))]

    async def _there(self, keys: Sequence[str]) -> set[str]:
        """Return those of the external ids that leads have."""
        claims = await self._services.leads.external_ids.find_all(keys)
        existing = await self._services.leads.existing(claims.values()) if claims else ()
        return {key for key, lead_id in claims.items() if lead_id in existing}

    async def _batch(
        self, bodies: Mapping[int, Mapping[str, Any]], on_existing: Literal["fail", "update"]
    ) -> dict[int, Outcome]:
        """Write bodies in one transaction; return what became of each, by their places."""
        if not bodies:
            return {}
        batch = await _read(self._batches, {"leads": list(bodies.values()), "on_existing": on_existing})
        written = await self._services.write_leads(batch.leads, batch.on_existing, self._user)
        return dict(zip(bodies, map(_outcome, written), strict=True))

    async def write(self, bodies: Sequence[Body], on_existing: OnExisting) -> list[Outcome]:
        """Write a batch as if one record after the other: one finds what an earlier one with its external id made."""
        outcomes: dict[int, Outcome] = {}
        for places in _rounds(bodies):
            written = await self._persistently([bodies[place] for place in places], on_existing)
            outcomes.update(zip(places, written, strict=True))
        return [outcomes[place] for place in range(len(bodies))]

    async def _persistently(self, bodies: Sequence[Body], on_existing: OnExisting) -> list[Outcome]:
        for pause in PAUSES:  # what an earlier try has written is there already when it is repeated
            try:
                return await self._write(bodies, on_existing)
            except (DatabaseError, Unavailable):
                await asyncio.sleep(pause)
        return await self._write(bodies, on_existing)


def _rounds(bodies: Sequence[Body]) -> list[list[int]]:
    """Return the places of the bodies, in groups: no group has an external id twice."""
    groups: list[list[int]] = []
    seen: Counter[str] = Counter()
    for place, key in enumerate(map(key_of, bodies)):
        group = 0 if key is None else seen[key]
        if key is not None:
            seen[key] += 1
        if group == len(groups):
            groups.append([])
        groups[group].append(place)
    return groups


async def _read(wanted: Input, body: Mapping[str, Any]) -> Any:
    """Return a body as a request with it is read. Raises Invalid or BadRequest."""
    _, payload = await wanted.read(b"", msgspec.json.encode(body), content_type=JSON, path={})
    return payload


def key_of(body: Body) -> str | None:
    """Return the external id of a record, in the form in which it is unique."""
    external_id = body.given.get(EXTERNAL_ID)
    return composed(external_id.strip()) if isinstance(external_id, str) else None


def _outcome(written: WrittenLead) -> Outcome:
    if written.status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return Outcome("created" if written.status == HTTPStatus.CREATED else "updated")
    errors = {} if written.errors is UNSET else written.errors
    if written.lead_id is not UNSET and len(errors) == 1:  # only its external id is taken
        return Outcome("present")
    return Outcome("refused", _reason(errors))


def _refused(error: Invalid | BadRequest) -> Outcome:
    return Outcome("refused", _reason(error.members.get("errors", {"body": [error.message]})))


def _reason(errors: Mapping[str, Sequence[str]]) -> str:
    return " ".join(text for texts in errors.values() for text in texts)
