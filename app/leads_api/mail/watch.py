"""Metrics of the mail queue: a background task looks at it, so that who asks for them never waits for the database."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from time import monotonic

from leads_api.clock import now
from leads_api.mail.store import MailQueue
from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.telemetry.metrics import Gauge

_PAUSE_SECONDS = 10.0
_DATABASE_SECONDS = 5.0

_OLDEST = Gauge("leads_mails_oldest_age_seconds", "How long the oldest mail has been queued.", merge=max)
_DEAD = Gauge("leads_mails_dead", "Mails that have failed for good.", merge=max)


class MailWatch:
    """Knows how old the oldest queued mail is, and how many mails have failed for good."""

    def __init__(self, queue: MailQueue) -> None:
        self._queue = queue
        self._age: float | None = None
        self._dead: int | None = None
        self._looked = 0.0

    async def run(self) -> None:
        """Look at the queue again and again, until cancelled. What is known stays while the database is away."""
        _OLDEST.follow(lambda: self.age)
        _DEAD.follow(lambda: self._dead)
        while True:
            with suppress(DatabaseError), deadline(_DATABASE_SECONDS):
                oldest, self._dead = await self._queue.oldest(), await self._queue.dead()
                self._age = 0.0 if oldest is None else max(timedelta(), now() - oldest).total_seconds()
                self._looked = monotonic()
            await asyncio.sleep(_PAUSE_SECONDS)

    @property
    def age(self) -> float | None:
        """Return how many seconds ago the oldest queued mail was queued: 0 without one, None if not known yet."""
        return self._age and self._age + monotonic() - self._looked
