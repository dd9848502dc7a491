"""Services on one database, which are killed and started again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.wire.process import Service, until

RELAYS = "this process relays the events from now on"


class Replicas:
    """Services on one database. Each keeps its port when it is killed and started again."""

    def __init__(self, folder: Path, uri: str, count: int, **settings: str) -> None:
        self._folder = folder
        given = {"LEADS_MONGODB_URI": uri, "LEADS_REQUEST_TIMEOUT": "10", "LEADS_LOG_LEVEL": "info"}
        self._given = given | settings
        self._count = count
        self.services: list[Service] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.services = [self._start(number) for number in range(self._count)]
        try:
            for service in self.services:
                await service.until(200)
            yield
        finally:
            for service in self.services:
                await service.close()

    def _start(self, number: int, port: int | None = None) -> Service:
        return Service(self._folder / str(number), port=port, given=self._given)

    async def kill(self, number: int) -> None:
        """Kill a service, and start it again."""
        killed = self.services[number]
        killed.process.kill()
        await killed.ended()
        await killed.http.aclose()
        self.services[number] = self._start(number, killed.port)
        await self.services[number].until(200)

    async def relaying(self) -> int:
        """Return which service relays: the one that has said so last."""
        found: list[tuple[str, int]] = []

        async def known() -> bool:
            found[:] = [
                (line["time"], number)
                for number, service in enumerate(self.services)
                for line in service.lines
                if line["message"] == RELAYS
            ]
            return bool(found)

        await until(known, "a service relays")
        return max(found)[1]
