"""Records changes as events, together with the position of the relay in one transaction: all of it or nothing."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from leads_api.catalog.cache import Catalog, Snapshot
from leads_api.events.changes import Change, change_of, shown_fields, unannounced
from leads_api.events.model import DELETED, GAP
from leads_api.events.store import SCHEMA_VERSION, EventStore
from leads_api.http.envelope import encode
from leads_api.leads.model import lead_of
from leads_api.leads.store import LeadStore
from leads_api.mongo.change_streams import operation_time
from leads_api.mongo.client import Database, Document, Session, deadline
from leads_api.mongo.positions import COLLECTION, Position, Positions
from leads_api.mongo.server_time import ServerClock
from leads_api.mongo.transaction import Transact

READER = "leads"
"""The name of the relay's position."""
MAX_LEAD_BYTES = 8 * 1024 * 1024
"""Events do not have a lead that is larger than this as JSON, so that they fit into a document."""
MAX_CHARACTERS = 4 * 1024 * 1024
"""How many characters the long texts of all events of one transaction may have."""
_SECONDS = 30.0

_log = logging.getLogger("leads.events")


class TooMuch(Exception):  # noqa: N818 - named as the failures are
    """The events are too large for one transaction."""


class Recorder:
    """Writes events. Whoever has lost the lease cannot."""

    def __init__(
        self, database: Database, events: EventStore, leads: LeadStore, catalog: Catalog, transact: Transact
    ) -> None:
        self._database = database
        self._events = events
        self._leads = leads
        self._catalog = catalog
        self._transact = transact
        self._clock = ServerClock(database)
        self.positions = Positions(database, READER)

    async def record(self, entries: Sequence[Document], position: Position) -> Position:
        """Write the events of entries of the stream, and return the position behind them. Raises LostLease."""
        changes = await self._changes(entries)
        if not changes:
            return position
        after = Position(entries[-1]["_id"], None, position.last + len(changes))
        written = await self._clock.now()

        async def make(session: Session) -> list[Document]:
            leads, settings = await self._shown(Counter(change.lead_id for change in changes), session)
            return [
                _document(number, change, written, leads.get(change.lead_id), settings)
                for number, change in enumerate(changes, start=position.last + 1)
            ]

        try:
            await self._insert(make, position, after, since=entries[-1]["clusterTime"])
        except TooMuch:
            middle = len(entries) // 2
            return await self.record(entries[middle:], await self.record(entries[:middle], position))
        return after

    async def record_gap(self, position: Position, token: Document | None) -> None:
        """Write a `feed.gap`, and go on behind a token, or else from the present on. Raises LostLease."""
        after = Position(token, None if token else await operation_time(self._database), position.last + 1)
        moment = await self._clock.now()
        gap = {"_id": after.last, "type": GAP, "at": moment, "written": moment, "schema_version": SCHEMA_VERSION}

        async def make(_: Session) -> list[Document]:
            return [gap]

        await self._insert(make, position, after)

    async def _changes(self, entries: Sequence[Document]) -> list[Change]:
        """Return the changes that the entries tell. A deletion that was announced is one change, not two."""
        changes: list[Change] = []
        latest: dict[int, tuple[str, int | None]] = {}
        for entry in entries:
            lead_id = entry["documentKey"]["_id"]
            if not isinstance(lead_id, int):  # no lead: somebody has written it by hand
                continue
            if (change := change_of(entry)) is None:
                kind, version = latest.get(lead_id) or await self._events.last_of(lead_id)
                if kind == DELETED:
                    continue
                change = unannounced(entry, version)
            latest[lead_id] = change.kind, change.version
            changes.append(change)
        return changes

    async def _insert(
        self,
        make: Callable[[Session], Awaitable[list[Document]]],
        before: Position,
        after: Position,
        since: Any = None,
    ) -> None:
        """Move the position and insert events. What `make` reads is not older than the operation time `since`."""

        async def committed(session: Session) -> bool | None:
            return await self.positions.is_at(after, session) or None

        async def work(session: Session) -> bool:
            if session is not None and since is not None:
                session.advance_operation_time(since)
            await self.positions.move(before, after, session)
            await self._events.insert(await make(session), session)
            return True

        with deadline(_SECONDS):
            await self._transact(work, records=[(COLLECTION, READER)], committed=committed)

    async def _shown(self, times: Mapping[int, int], session: Session) -> tuple[dict[int, str | None], Snapshot]:
        """Return leads as JSON, by id, and the settings that they show. Deleted leads are missing. Raises TooMuch.

        `times` says how many events have each of them.
        """
        documents, size = [], 0
        async for document in self._leads.find_all(list(times), session):
            size += times[document["_id"]] * _characters(document)
            if size > MAX_CHARACTERS and len(times) > 1:
                raise TooMuch
            documents.append(document)
        # After the leads: they may show settings that are younger than the cached ones.
        settings = (await self._catalog.refreshed()).tolerant()
        return {document["_id"]: _json(document, settings) for document in documents}, settings


def _characters(document: Document) -> int:
    """Return how many characters those values have of which there may be many."""
    texts = (document.get("description"), *(document.get("custom") or {}).values())
    return sum(len(text) for text in texts if isinstance(text, str))


def _json(document: Document, settings: Snapshot) -> str | None:
    """Return a lead as callers see it, as JSON; None if it is too large."""
    try:
        text = encode(lead_of(document, settings))
    except Exception:  # noqa: BLE001 - one malformed document must not stop all events
        _log.exception("lead %s cannot be shown in its events", document["_id"])
        return None
    if len(text) > MAX_LEAD_BYTES:
        _log.warning("lead %s is too large to be shown in its events: %s bytes", document["_id"], len(text))
        return None
    return text.decode()


def _document(number: int, change: Change, written: datetime, lead: str | None, settings: Snapshot) -> Document:
    return {
        "_id": number,
        "type": change.kind,
        "at": change.at,
        "written": written,
        "lead_id": change.lead_id,
        "version": change.version,
        "changed": shown_fields(change.paths, settings),
        "actor": change.by,
        "request_id": change.request_id,
        "lead": lead,
        "schema_version": SCHEMA_VERSION,
    }
