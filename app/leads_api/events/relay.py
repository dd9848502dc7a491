"""The relay: writes an event for every committed change of a lead, in order, none twice and none left out.

It reads the change stream of the collection `leads`, so a change costs its caller nothing, and what was rolled back is
not told. One process at a time relays, under a lease. The events themselves keep two from writing the same one
(docs/decisions/0023-events-from-the-change-stream.md).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

from leads_api.errors import Failure
from leads_api.events.changes import INVALIDATE, PIPELINE, time_of
from leads_api.events.recorder import Recorder
from leads_api.events.store import EventStore
from leads_api.leads.store import COLLECTION
from leads_api.mongo.change_streams import Changes, HistoryLost, NoChangeStream, Position, watch
from leads_api.mongo.client import Database, deadline, is_mongomock
from leads_api.mongo.faults import DatabaseError, described
from leads_api.mongo.positions import LostLease, Positions
from leads_api.tasks import end
from leads_api.telemetry.metrics import Counter, Gauge

T = TypeVar("T")

READER = "leads"
"""The name of the relay's position."""
MOST = 200
"""Changes that are recorded at once."""
LOOK_SECONDS = 2.0
"""How often a process that does not relay looks whether it should."""
RENEW_SECONDS = 2.5
PACE_SECONDS = 0.1
"""The pause after a write. So under load, more changes share one, and the processor is left to requests."""
NO_STREAM_SECONDS = 15.0
_CALL_SECONDS = 5.0
_LAST_SECONDS = 3.0
"""How long a write in progress may take at shutdown."""

_SILENCE = Gauge(
    "leads_events_relay_silence_seconds", "Since when the relay of this process has read no changes.", merge=max
)
_GAPS = Counter("leads_events_gaps_total", "Places in the feed where changes are missing.")

_log = logging.getLogger("leads.events")


class Relay:
    """Relays if this process holds the lease; otherwise waits for it."""

    def __init__(
        self, database: Database, events: EventStore, recorder: Recorder, *, recorded: Callable[[], None] = lambda: None
    ) -> None:
        """`recorded` is called when there are new events, in the process that relays."""
        self._database = database
        self._events = events
        self._recorder = recorder
        self._positions = Positions(database, READER)
        self._recorded = recorded
        self._renewed = 0.0
        self._said: str | None = None
        self._read: float | None = None

    async def run(self) -> None:
        """Relay until cancelled. After a failure, go on from the position that is stored."""
        if is_mongomock(self._database.client):
            self._say("mongomock has no change streams: there are no events")
            return
        _SILENCE.follow(lambda: self._read and monotonic() - self._read)
        while True:
            pause = LOOK_SECONDS
            try:
                await self._relay()
            except NoChangeStream as error:
                pause = NO_STREAM_SECONDS
                self._say(f"the database offers no change stream, so there are no events: {error}")
            except LostLease:
                _log.info("another process has taken over the relay of events")
            except (DatabaseError, Failure) as error:
                self._say(f"the relay of events was interrupted and will be resumed: {described(error)}")
            except Exception:  # noqa: BLE001 - it is logged with its traceback, and the task must not end
                _log.exception("the relay of events failed and will be resumed")
            await asyncio.sleep(pause)

    async def _relay(self) -> None:
        """Relay as long as this process holds the lease, if it is free. Return after a gap. Raises LostLease."""
        if (position := await self._acquire()) is None:
            return
        try:
            async with watch(self._database[COLLECTION], PIPELINE, position) as changes:
                self._said = None
                _log.info("this process relays the events from now on")
                while True:
                    self._read = monotonic()
                    last, position = position.last, await _to_its_end(self._step(changes, position))
                    if position.last > last:
                        self._recorded()
                        await asyncio.sleep(PACE_SECONDS)
        except HistoryLost as lost:
            await self._tell_gap(lost)
        finally:
            self._read = None
            await self._positions.release(position)

    async def _acquire(self) -> Position | None:
        """Take the lease and return the position; None if another process holds the lease."""
        self._renewed = monotonic()
        with deadline(_CALL_SECONDS):
            known = await self._positions.acquire()
            return None if known is None else await self._events.position(known)

    async def _step(self, changes: Changes, position: Position) -> Position:
        """Read some changes and record them; return the new position. Raises LostLease or HistoryLost."""
        entries = await changes.batch(MOST)
        dropped = bool(entries) and entries[-1]["operationType"] == INVALIDATE
        position = await self._recorder.record(entries[: len(entries) - dropped], position)
        if dropped:
            raise HistoryLost("the collection of leads was dropped or renamed", entries[-1]["_id"])
        position = Position(changes.token or position.token, position.start, position.last)
        if monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = monotonic()
            with deadline(_CALL_SECONDS):
                await self._positions.renew(position, time_of(entries[-1]) if entries else None)
        return position

    async def _tell_gap(self, lost: HistoryLost) -> None:
        _log.error("changes of leads are missing among the events: %s", lost)
        _GAPS.add()
        if (position := await self._acquire()) is not None:
            await self._recorder.record_gap(position, lost.token)
            self._recorded()

    def _say(self, text: str) -> None:
        """Log a warning, unless it is the same as the last one."""
        if text != self._said:
            self._said = text
            _log.warning("%s", text)


async def _to_its_end(step: Coroutine[Any, Any, T]) -> T:
    """Return what a step returns. At shutdown, it has _LAST_SECONDS to finish: what it uses knows no cancellation."""
    running = asyncio.create_task(step)
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            await asyncio.wait({running}, timeout=_LAST_SECONDS)
            await end(running)
