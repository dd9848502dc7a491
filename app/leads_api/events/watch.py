"""Metrics of the feed: a background task looks at it, so that who asks for them never waits for the database.

Each process looks, also those that do not relay: the feed grows older if none does.
"""

import asyncio
from contextlib import suppress

from leads_api.events.relay import READER
from leads_api.mongo.client import Database, deadline, is_mongomock
from leads_api.mongo.faults import DatabaseError
from leads_api.mongo.positions import Positions
from leads_api.telemetry.metrics import Gauge

_PAUSE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 1.0
"""The pause until the database is set up."""
_DATABASE_SECONDS = 5.0

_AGE = Gauge("leads_events_feed_age_seconds", "How far the feed of events is behind the changes of leads.", merge=max)


class FeedWatch:
    """Knows how far the feed is behind."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions = Positions(database, READER)
        self._age: float | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled. What is known stays while the database is away."""
        if is_mongomock(self._database.client):  # it has no feed
            return
        _AGE.follow(lambda: self._age)
        while True:
            with suppress(DatabaseError), deadline(_DATABASE_SECONDS):
                age = (await self._positions.progress()).age
                self._age = None if age is None else age.total_seconds()
            await asyncio.sleep(_FIRST_PAUSE_SECONDS if self._age is None else _PAUSE_SECONDS)
