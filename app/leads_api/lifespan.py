"""What goes on beside the requests: setting the database up, sweeping, sending mails, and ending in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from leads_api.errors import Failure
from leads_api.http.health import Readiness
from leads_api.mail.sender import MailSender
from leads_api.mongo.client import Client, Database, close, deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.setup import Setup
from leads_api.tasks import end

END_SECONDS = 12.0
"""More than what ends by itself takes. Whatever else holds up the end, it must not do so for ever."""

_SWEEP_PAUSE = 600.0
_SWEEP_SECONDS = 300.0

_log = logging.getLogger("leads.lifespan")


@dataclass(frozen=True, slots=True)
class Lifespan:
    """The life of a service between its first and its last request."""

    client: Client
    owns_client: bool
    database: Database
    drains: tuple[Callable[[], Awaitable[None]], ...]
    readiness: Readiness
    sender: MailSender | None
    sweeps: tuple[Callable[[], Awaitable[None]], ...]

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Live. A database that is away is waited for in the background; raises Standalone at once."""
        tasks = [await Setup(self.database, self.readiness).begin(), asyncio.create_task(self._keep_sweeping())]
        if self.sender is None:
            _log.warning("LEADS_SMTP_URL is not set: mails stay queued")
        else:
            tasks.append(asyncio.create_task(self.sender.run()))
        try:
            yield
        finally:
            self.readiness.draining = True
            try:
                async with asyncio.timeout(END_SECONDS):
                    await end(*tasks)
                    for drain in self.drains:
                        await drain()
            except TimeoutError:
                _log.warning("what was under way has not ended within %g s, and is given up", END_SECONDS)
            if self.owns_client:
                with suppress(TimeoutError):
                    async with asyncio.timeout(END_SECONDS):
                        await close(self.client)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_PAUSE)
            for sweep in self.sweeps:
                try:
                    with deadline(_SWEEP_SECONDS):
                        await sweep()
                except (DatabaseError, Failure) as error:
                    _log.warning("a sweep was cut off, and goes on later: %s", type(error).__name__)
