"""Records changes as events.

Each event has the token of its place in the change stream, so the last event says where the relay is: an event and the
position behind it are one write.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from leads_api.catalog.cache import Catalog, Snapshot
from leads_api.events.changes import Change, change_of, shown_fields, unannounced
from leads_api.events.model import DELETED, GAP
from leads_api.events.store import SCHEMA_VERSION, EventStore
from leads_api.http.envelope import encode
from leads_api.leads.model import lead_of
from leads_api.leads.store import LeadStore
from leads_api.mongo.change_streams import Position, operation_time
from leads_api.mongo.client import Database, Document, deadline
from leads_api.mongo.server_time import ServerClock

MAX_LEAD_BYTES = 8 * 1024 * 1024
"""Events do not have a lead that is larger than this as JSON, so that they fit into a document."""
MAX_CHARACTERS = 4 * 1024 * 1024
"""How many characters the long texts of the events may have that are written at once."""
_SECONDS = 30.0

_log = logging.getLogger("leads.events")


class TooMuch(Exception):  # noqa: N818 - named as the failures are
    """The events are too large to be written at once."""


class Recorder:
    """Writes events, one behind the other."""

    def __init__(self, database: Database, events: EventStore, leads: LeadStore, catalog: Catalog) -> None:
        self._database = database
        self._events = events
        self._leads = leads
        self._catalog = catalog
        self._clock = ServerClock(database)

    async def record(self, entries: Sequence[Document], position: Position) -> Position:
        """Write the events of entries of the stream, and return the position behind them. Raises LostLease."""
        with deadline(_SECONDS):
            changes = await self._changes(entries)
            if not changes:
                return position
            try:
                leads, settings = await self._shown(
                    Counter(change.lead_id for change in changes), since=entries[-1]["clusterTime"]
                )
            except TooMuch:
                middle = len(entries) // 2
                return await self.record(entries[middle:], await self.record(entries[:middle], position))
            written = await self._clock.now()
            documents = [
                _document(number, change, written, leads.get(change.lead_id), settings)
                for number, change in enumerate(changes, start=position.last + 1)
            ]
            await self._events.append(documents)
        return Position(changes[-1].token, None, documents[-1]["_id"])

    async def record_gap(self, position: Position, token: Document | None) -> None:
        """Write a `feed.gap`. The relay goes on behind a token, or else from the present on. Raises LostLease."""
        with deadline(_SECONDS):
            moment = await self._clock.now()
            start = None if token else await operation_time(self._database)
            gap = {
                "_id": position.last + 1,
                "type": GAP,
                "at": moment,
                "written": moment,
                "token": token,
                "start": start,
                "schema_version": SCHEMA_VERSION,
            }
            await self._events.append([gap])

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

    async def _shown(self, times: Mapping[int, int], *, since: object) -> tuple[dict[int, str | None], Snapshot]:
        """Return leads as JSON, by id, and the settings that they show. Deleted leads are missing. Raises TooMuch.

        `times` says how many events have each of them. They are not older than the operation time `since`.
        """
        documents, size = [], 0
        async for document in self._leads.since(since, list(times)):
            size += times[document["_id"]] * _characters(document)
            if size > MAX_CHARACTERS and sum(times.values()) > 1:
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
        "token": change.token,
        "schema_version": SCHEMA_VERSION,
    }
