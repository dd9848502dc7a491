"""The idempotency key of the request in progress, and the write that the answer is recorded with."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from leads_api.mongo.client import Document

COLLECTION = "idempotency_keys"


class KeyInUse(Exception):  # noqa: N818 - named as the failures are
    """Another request has recorded its answer under the same key, or is about to. This one has written nothing."""


class Recording:
    """Connects a request that has an idempotency key with its one write.

    What the request writes is not committed before the answer is known: `finish` adds the record of the answer and
    commits both. Transactions and inserts join by themselves.
    """

    def __init__(self, identity: str) -> None:
        """`identity` is the id of the record."""
        self.identity = identity
        self.committed: Callable[[], None] = _nothing
        """To be called after the commit."""
        self._finish: Callable[[Document], Awaitable[object]] | None = None
        self._abandon: Callable[[], object] = _nothing

    def join(
        self, finish: Callable[[Document], Awaitable[object]], abandon: Callable[[], object] | None = None
    ) -> None:
        """Set how to commit the write together with a record, and how to give it up."""
        if self._finish is not None:
            raise RuntimeError("a POST must write in one transaction, or its idempotency key cannot be recorded in it")
        self._finish = finish
        self._abandon = abandon or _nothing

    async def finish(self, record: Document) -> None:
        """Commit the write and the record. Raises KeyInUse."""
        if self._finish is None:
            raise RuntimeError("a POST must write through `transact` or `Inserts`, which record its idempotency key")
        await self._finish(record)
        self.committed()

    def abandon(self) -> None:
        """Give the write up."""
        self._abandon()


recording: ContextVar[Recording | None] = ContextVar("recording", default=None)
"""The key of the current request; None if it has none."""


def _nothing() -> None:
    pass
