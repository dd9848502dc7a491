"""The database to measure on: filled before all runs, and put back before each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bench import data
from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database, close, connect
from leads_api.mongo.ids import Ids

T = TypeVar("T")


def name_of(leads: int) -> str:
    """Return what a database of so many leads is called."""
    return f"leads_bench_{leads}"


@dataclass(frozen=True, slots=True)
class Target:
    """A database of a server, and how many leads it is filled with."""

    uri: str
    name: str
    leads: int

    def prepare(self, *, fresh: bool = False) -> None:
        """Write the leads that are missing, and undo what earlier loads have left."""

        async def work(database: Database) -> None:
            if fresh:
                await database.client.drop_database(self.name)
            await data.fill(database.client, self.name, self.leads)

        self.ask(work)

    def key(self) -> str:
        """Return a new key."""

        async def work(database: Database) -> str:
            _, text = await KeyStore(database, Ids(database)).create("bench", user=1)
            return text

        return self.ask(work)

    def undo(self, operation: str) -> bool:
        """Undo what earlier runs of an operation have left, so that each run finds as many leads, and as long ones.

        Tells whether the operation is one that leaves something.
        """
        restoring = data.RESTORED_BY.get(operation, [])

        async def work(database: Database) -> None:
            for restore in restoring:
                await restore(database, self.leads)

        if restoring:
            self.ask(work)
        return bool(restoring)

    def ask(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Do something with a client of its own, and return what comes out."""

        async def whole() -> T:
            client = connect(self.uri, request_timeout=60)
            try:
                return await work(client[self.name])
            finally:
                await close(client)

        return asyncio.run(whole())
