"""Whose turn it is: how many calls of a kind one process has under way at the database.

All share the connections. Calls that wait on the server, for a lock or over a long list, must not hold so many of them
that others wait as well: sixteen changes, sixteen lists and sixteen transactions leave a quarter of the connections to
what is short, such as reads by id, creates, keys and the catalog.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

CHANGES_AT_ONCE = 16
"""More of them are no faster."""

LISTS_AT_ONCE = 16
"""More of them are slower each, and no faster together."""


class ConcurrencyLimits:
    """Lets changes and lists go to the database in the order in which they came, so many at a time."""

    def __init__(self) -> None:
        self.lists = asyncio.Semaphore(LISTS_AT_ONCE)
        """To be held while a list, or something else that may be long, is read."""
        self._changes = asyncio.Semaphore(CHANGES_AT_ONCE)
        self._changing: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def change(self, collection: str, record_id: int) -> AsyncIterator[None]:
        """Hold a turn for one change of a record.

        Changes of the same record would wait for each other on the server, and so take the turns of all others: a lead
        that a killed process has left locked would keep every other lead from being changed. They wait here.
        """
        async with self._changing.setdefault((collection, record_id), asyncio.Lock()), self._changes:
            yield
