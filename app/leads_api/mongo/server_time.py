"""The time of the database server, which all processes share."""

import asyncio
from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic

from leads_api.clock import UNKNOWN, now
from leads_api.mongo.client import Database, is_mongomock

ASKED_SECONDS = 60.0
"""How long a process counts the server's time on before it asks again."""


async def server_time(database: Database) -> datetime:
    """Return the server's time. Leases and due times use it, so a process with a wrong clock disturbs no other one."""
    if is_mongomock(database.client):
        return now()
    moment: datetime = (await database.client.admin.command("hello"))["localTime"]
    return moment.replace(tzinfo=UTC)  # the driver leaves it out in answers to commands


class ServerClock:
    """The time of the database server, which is asked for once in a while and counted on by this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking = asyncio.Lock()
        self._moment = UNKNOWN
        self._since = -inf

    async def now(self) -> datetime:
        """Return the server's time, less the time that its answer took."""
        if is_mongomock(self._database.client):
            return now()
        if monotonic() - self._since >= ASKED_SECONDS:
            async with self._asking:
                if monotonic() - self._since >= ASKED_SECONDS:
                    self._moment = await server_time(self._database)
                    self._since = monotonic()
        return self._moment + timedelta(seconds=monotonic() - self._since)
