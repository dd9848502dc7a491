"""The lifespan: runs database setup, sweeps and the mail sender beside requests, and shuts the service down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from leads_api.errors import Failure
from leads_api.http.health import Readiness
from leads_api.mail.sender import MailSender
from leads_api.mongo.client import Client, Database, close, deadline
from leads_api.mongo.faults import DatabaseError, described
from leads_api.setup import Setup
from leads_api.tasks import end
from leads_api.telemetry import pulse, spans

END_SECONDS = 12.0
"""Limit of an orderly shutdown, which normally takes less. Nothing may block shutdown forever."""

_SWEEP_PAUSE = 600.0
_SWEEP_SECONDS = 300.0

_log = logging.getLogger("leads.lifespan")


@dataclass(frozen=True, slots=True)
class Lifespan:
    """Starts and stops everything that runs beside requests."""

    client: Client
    owns_client: bool
    database: Database
    drains: tuple[Callable[[], Awaitable[None]], ...]
    readiness: Readiness
    sender: MailSender | None
    sweeps: tuple[Callable[[], Awaitable[None]], ...]
    watches: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    """What looks at the database for the metrics, until it is cancelled."""

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Run until the block ends. Raises Standalone. If the database is unreachable, retry in the background."""
        tasks = [await Setup(self.database, self.readiness).begin(), asyncio.create_task(self._keep_sweeping())]
        tasks += [asyncio.create_task(watch()) for watch in (self.readiness.watch, pulse.beat, *self.watches)]
        if self.sender is None:
            _log.warning("LEADS_SMTP_URL is not set: mails stay queued")
        else:
            tasks.append(asyncio.create_task(self.sender.run()))
        try:
            yield
        finally:
            self.readiness.ended = True
            try:
                async with asyncio.timeout(END_SECONDS):
                    await end(*tasks)
                    for drain in self.drains:
                        await drain()
            except TimeoutError:
                _log.warning("background work did not end within %g s and is abandoned", END_SECONDS)
            if self.owns_client:
                with suppress(TimeoutError):
                    async with asyncio.timeout(END_SECONDS):
                        await close(self.client)
            await spans.end()

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_PAUSE)
            for sweep in self.sweeps:
                try:
                    with deadline(_SWEEP_SECONDS):
                        await sweep()
                except (DatabaseError, Failure) as error:
                    _log.warning("a sweep was interrupted and will be resumed: %s", described(error))
