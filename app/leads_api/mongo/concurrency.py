"""Concurrency limits: how many changes, lists and transactions one process runs at the database at a time.

All calls share one pool of connections. Calls that may take long on the server, because of locks or long lists, must
not use all of it. Sixteen changes, sixteen lists and sixteen transactions leave a quarter of the connections for short
calls such as reads by id, creates, API keys and the catalog.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any
from weakref import WeakValueDictionary

from leads_api.errors import Unavailable
from leads_api.mongo.client import LEAST_SECONDS, DeadlinePassed, until
from leads_api.mongo.queues import Queue

CHANGES_AT_ONCE = 16
"""A higher limit does not increase throughput."""

LISTS_AT_ONCE = 16
"""A higher limit makes each list slower and does not increase throughput."""

TRANSACTIONS_AT_ONCE = 16
"""More of them conflict, restart each other and are slower."""

MAX_WAITING = 1000
"""Limit of callers who wait for a turn of one kind."""

_WEIGHT = 0.2
"""The weight of the last turn in the average duration of turns."""

Record = tuple[str, Any]
"""A document that is changed: its collection and its id."""


class Turns(Queue):
    """A semaphore that knows deadlines. Callers wait in order of arrival, each until their own deadline.

    A caller is refused at once if those before it will probably take too long. Otherwise everyone would wait in vain
    under overload. Who has waited must still have time for a turn of average duration.
    """

    def __init__(self, at_once: int, what: str, *, queue: str | None = None) -> None:
        """`what` says in the log what is waited for; `queue` is its name in the metrics, if another one."""
        super().__init__(queue or what.replace(" ", "_"))
        self._at_once = at_once
        self._what = what
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._seconds = 0.0
        """The average duration of the last turns."""

    @property
    def waiting(self) -> int:
        """Return how many wait for a turn."""
        return self._waiting

    @property
    def is_taken(self) -> bool:
        """Return whether who comes now must wait."""
        return self._free.locked()

    @asynccontextmanager
    async def turn(self, late: Callable[[], float] = until) -> AsyncIterator[None]:
        """Hold a turn. Raises Unavailable if there is none in time; `late` returns the caller's deadline."""
        least = LEAST_SECONDS
        if self.is_taken:
            least = max(LEAST_SECONDS, self._seconds)
            wait = self._seconds * (self._waiting + 1) / self._at_once
            if self._waiting >= MAX_WAITING or self.is_too_long(wait, late() - least):
                raise Unavailable(reason=f"too many wait for {self._what}: {self._waiting}, for about {wait:.1f} s")
        self._waiting += 1
        asked = monotonic()
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            began = monotonic()
            self._waits.observe(began - asked)
            if late() - began < least:
                raise DeadlinePassed(self._what)
            try:
                yield
            finally:
                self._seconds += _WEIGHT * (monotonic() - began - self._seconds)
        finally:
            self._free.release()


class ConcurrencyLimits:
    """The limits of one process."""

    def __init__(self) -> None:
        self._lists = Turns(LISTS_AT_ONCE, "lists")
        self._changes = Turns(CHANGES_AT_ONCE, "changes")
        self._transactions = Turns(TRANSACTIONS_AT_ONCE, "transactions")
        self._records: WeakValueDictionary[Record, Turns] = WeakValueDictionary()

    @property
    def lists(self) -> AbstractAsyncContextManager[None]:
        """A turn to read a list, or anything else that may be long."""
        return self._lists.turn()

    @property
    def transactions(self) -> AbstractAsyncContextManager[None]:
        """A turn to run a transaction. Hold the records that it changes before."""
        return self._transactions.turn()

    @property
    def changes(self) -> AbstractAsyncContextManager[None]:
        """A turn to change a document outside of transactions. Hold the document before."""
        return self._changes.turn()

    @asynccontextmanager
    async def change(self, collection: str, record_id: int) -> AsyncIterator[None]:
        """Hold a record and a turn of the limit during a change of the record."""
        async with self.record((collection, record_id)), self.changes:
            yield

    @asynccontextmanager
    async def records(self, *records: Record) -> AsyncIterator[None]:
        """Hold records, so that their changes in this process wait for each other.

        They do so before they take a turn of a limit. Otherwise they would wait on the server and use up all turns: a
        lead that a killed process left locked would block the changes of all other leads.
        """
        async with AsyncExitStack() as held:
            for record in sorted(set(records)):  # in the same order everywhere, so that no two wait for each other
                await held.enter_async_context(self.record(record))
            yield

    def is_held(self, record: Record) -> bool:
        """Return whether somebody holds a record."""
        turns = self._records.get(record)
        return turns is not None and turns.is_taken

    def record(self, record: Record) -> AbstractAsyncContextManager[None]:
        """Hold a record, so that its changes in this process wait for each other."""
        what = f"a change of the same record in {record[0]}"
        return self._records.setdefault(record, Turns(1, what, queue="records")).turn()
