"""Concurrency limits: how many changes and lists one process runs at the database at a time.

All calls share one pool of connections. Calls that may take long on the server, because of locks or long lists, must
not use all of it. Sixteen changes, sixteen lists and sixteen transactions leave a quarter of the connections for short
calls such as reads by id, creates, API keys and the catalog.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

CHANGES_AT_ONCE = 16
"""A higher limit does not increase throughput."""

LISTS_AT_ONCE = 16
"""A higher limit makes each list slower and does not increase throughput."""


class ConcurrencyLimits:
    """The semaphores of changes and lists. Waiting calls are served in order of arrival."""

    def __init__(self) -> None:
        self.lists = asyncio.Semaphore(LISTS_AT_ONCE)
        """Hold it while you read a list, or anything else that may be long."""
        self._changes = asyncio.Semaphore(CHANGES_AT_ONCE)
        self._changing: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def change(self, collection: str, record_id: int) -> AsyncIterator[None]:
        """Hold the record's lock and one slot of the limit during a change of the record.

        Changes of one record wait for each other before they take a slot. Otherwise they would wait on the server and
        use up all slots: a lead that a killed process left locked would block the changes of all other leads.
        """
        async with self._changing.setdefault((collection, record_id), asyncio.Lock()), self._changes:
            yield
