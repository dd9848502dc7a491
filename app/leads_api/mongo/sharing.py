"""Writes of several callers that share a transaction (docs/decisions/0032-updates-share-transactions.md)."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from time import monotonic
from typing import Any, Generic, TypeVar

from bson.errors import InvalidDocument
from pymongo.errors import OperationFailure

from leads_api.errors import Unavailable
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Session, is_mongomock, is_sharded
from leads_api.mongo.concurrency import Record
from leads_api.mongo.transaction import Transact
from leads_api.mongo.transaction_runs import Committed, Work
from leads_api.telemetry.metrics import Counter

FEW = 8
"""So many writes at once go alone: to wait for each other would take longer than what they save."""
CROWDED_SECONDS = 1.0
"""How long writes share transactions after there were more than FEW at once."""
MOST = 32
"""Writes in one transaction. With more, each costs hardly less. A killed process leaves so many documents locked."""
PATIENCE_SECONDS = 0.05
"""How long the next batch waits for writes that go alone. They may wait for a lock."""

_APART = Counter(
    "leads_writes_apart_total", "Transactions of several writes that were given up, so that each went alone.", ["queue"]
)

T = TypeVar("T")


class Apart(Exception):  # noqa: N818 - named as the failures are
    """Raised by shared work: the writes cannot be made together. Nothing was written."""


class Write:
    """A write of one caller, who holds its record."""

    __slots__ = ("context", "is_gone", "record", "task")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.context = copy_context()
        """The caller's, with its deadline and its trace."""
        self.is_gone = False
        """Whether the caller was cancelled."""
        self.task: asyncio.Task[Any] | None = None
        """What runs it, if it goes alone after it was in a batch."""

    def then(self) -> None:
        """Do what must wait for the commit."""


W = TypeVar("W", bound=Write)

Shared = tuple[Work[Sequence[T]], Committed[Sequence[T]]]
"""The work that makes several writes and returns their outcomes, and what returns them if they are committed.

The work raises Apart, or what the database or the driver refuses.
"""


class Sharing(Generic[W, T]):
    """Runs writes. Those that wait at the same moment share a transaction; each has an outcome of its own.

    A transaction, because a write outside of one waits where another transaction has locked its document, and those
    beside it would wait, too. Inside of one it fails at once, and then each goes on alone.
    """

    def __init__(
        self,
        client: Any,
        transact: Transact,
        *,
        share: Callable[[Sequence[W]], Shared[T]],
        alone: Callable[[W], Coroutine[Any, Any, T]],
        queue: str,
    ) -> None:
        """`share` makes several writes one work, `alone` runs one; neither waits for records, which are held.

        `queue` is the name in the metrics.
        """
        self._client = client
        self._transact = transact
        self._share = share
        self._run_alone = alone
        self._queue = queue
        self._batches: Batcher[W, asyncio.Task[T] | T] = Batcher(
            self._perform, writes=True, gathers=True, most=MOST, queue=queue
        )
        self._alone: set[asyncio.Task[T]] = set()
        self._at_once = 0
        self._crowded_until = 0.0

    async def __call__(self, write: W) -> T:
        """Return the outcome of a write.

        The caller holds its record. So a batch has one write of a record at most, and none of one that this process has
        locked.
        """
        self._at_once += 1
        try:
            if self._is_crowded() and self._can_share():
                return await self._in_batch(write)
            return await self._run_alone(write)
        finally:
            self._at_once -= 1

    async def drain(self) -> None:
        """Wait until no write is in progress that began in a batch. Its caller may have gone."""
        await self._batches.drain()
        if self._alone:
            await asyncio.wait(self._alone)

    def _is_crowded(self) -> bool:
        moment = monotonic()
        if self._at_once > FEW:
            self._crowded_until = moment + CROWDED_SECONDS
        return moment < self._crowded_until

    def _can_share(self) -> bool:
        """Return whether one transaction is as good as several, which is not so on several shards."""
        return not is_mongomock(self._client) and not is_sharded(self._client)

    async def _in_batch(self, write: W) -> T:
        try:
            outcome = await self._batches(write)
            return await outcome if isinstance(outcome, asyncio.Task) else outcome
        except asyncio.CancelledError:
            write.is_gone = True
            if write.task is not None:
                write.task.cancel()
            raise

    async def _perform(self, writes: list[W]) -> list[asyncio.Task[T] | T | Exception]:
        if len(writes) > 1:
            try:
                return [*await self._together(writes)]
            except (Apart, Unavailable):  # Unavailable: there was no turn for a transaction in time
                _APART.add(self._queue)
        tasks = [self._begin(write) for write in writes if not write.is_gone]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        return [write.task or Unavailable(reason="the caller is gone") for write in writes]

    async def _together(self, writes: Sequence[W]) -> Sequence[T]:
        write_all, committed = self._share(writes)

        async def work(session: Session) -> Sequence[T]:
            try:
                return await write_all(session)
            except (OperationFailure, InvalidDocument, OverflowError) as error:
                if isinstance(error, OperationFailure) and error.timeout:
                    raise
                raise Apart from error

        def then() -> None:
            for write in writes:
                write.then()

        records = [write.record for write in writes]
        return await self._transact(work, records=records, held=True, committed=committed, then=then)

    def _begin(self, write: W) -> asyncio.Task[T]:
        write.task = task = asyncio.create_task(self._run_alone(write), context=write.context)
        self._alone.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[T]) -> None:
        self._alone.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have been cancelled
