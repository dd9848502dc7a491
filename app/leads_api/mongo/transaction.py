"""Transactions: the only runner, and its substitute for mongomock."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.concurrency import ConcurrencyLimits, Record
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.recording import COLLECTION, Recording, recording
from leads_api.mongo.transaction_runs import Committed, Run, Work

T = TypeVar("T")


class Transact(Protocol):
    """Runs work in a transaction and returns its result."""

    async def __call__(
        self,
        work: Work[T],
        *,
        records: Sequence[Record],
        held: bool = False,
        committed: Committed[T] | None = None,
        then: Callable[[], None] | None = None,
    ) -> T:
        """Run `work(session)`, possibly several times. An exception aborts the transaction and is raised here.

        `records` are the documents that the work is about, and all of sharded collections that it writes: changes of
        them wait for each other, for which this holds them, unless the caller does (`held`). The work may add some that
        it only finds out itself; nobody waits for those.

        The response to a commit may be lost. Then the work is retried, although an earlier try may have been committed.
        Work that must not be done twice passes `committed`, which is called before the retry.

        If the request has an idempotency key, this returns before the commit, which comes when the answer is known and
        recorded (`Recording`). What must wait for the commit is passed as `then`.
        """
        ...

    async def single(self, write: Work[T], record: Record) -> T:
        """Run a single write of one record, which is atomic by itself.

        So it needs a transaction only if the request has an idempotency key.
        """
        ...


class Transactions:
    """Transactions on a replica set or sharded cluster: read concern snapshot, write concern majority."""

    def __init__(self, database: Database, concurrency: ConcurrencyLimits, keys: IdempotencyStore) -> None:
        self._database = database
        self._concurrency = concurrency
        self._keys = keys
        self._running: set[asyncio.Task[object]] = set()

    async def __call__(
        self,
        work: Work[T],
        *,
        records: Sequence[Record],
        held: bool = False,
        committed: Committed[T] | None = None,
        then: Callable[[], None] | None = None,
    ) -> T:
        """Run the work. All tries, and the pauses between them, are within the deadline of the caller.

        If the caller is cancelled, a try in progress goes on to its end, so that no transaction stays open on the
        server; no other try is begun.
        """
        if (pending := recording.get()) is not None:
            return await self._join(pending, work, records, then)
        run = Run(self._database, self._concurrency, work, records, committed, held=held)
        done = await self._end_of(run, self._begin(run))
        if then is not None:
            then()
        return done

    async def single(self, write: Work[T], record: Record) -> T:
        """Run a single write."""
        if recording.get() is not None:
            return await self(write, records=[record])
        async with self._concurrency.change(*record):
            return await write(None)

    async def _join(
        self, pending: Recording, work: Work[T], records: Sequence[Record], then: Callable[[], None] | None
    ) -> T:
        """Run the work, and return its result while the transaction waits for the record of the answer."""
        loop = asyncio.get_running_loop()
        worked: asyncio.Future[T] = loop.create_future()
        answered: asyncio.Future[Document] = loop.create_future()

        async def recorded(session: Session) -> None:
            result = await work(session)
            run.abandoned = True  # another try would have another result: it is for who asks for the answer
            worked.set_result(result)
            await self._keys.insert([await answered], session)

        key = (COLLECTION, pending.identity)
        run = Run(self._database, self._concurrency, recorded, records, None, key=key)

        async def finish(record: Document) -> None:
            answered.set_result(record)
            await self._end_of(run, task)

        def abandon() -> None:
            answered.cancel()
            run.abandon(task)

        pending.join(finish, abandon)
        task = self._begin(run)
        if then is not None:
            pending.committed = then
        either: set[asyncio.Future[Any]] = {task, worked}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return worked.result()

    def _begin(self, run: Run[T]) -> asyncio.Task[T]:
        task = asyncio.create_task(run())
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    async def _end_of(self, run: Run[T], task: asyncio.Task[T]) -> T:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            run.abandon(task)
            raise

    async def drain(self) -> None:
        """Wait for transactions in progress, including those whose callers were cancelled."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have been cancelled


class SerialWork:
    """Substitute for `Transactions` on mongomock, which has none: runs one work at a time, once, without rollback."""

    def __init__(self, keys: IdempotencyStore) -> None:
        self._keys = keys
        self._lock = asyncio.Lock()

    async def __call__(
        self,
        work: Work[T],
        *,
        records: Sequence[Record],
        held: bool = False,
        committed: Committed[T] | None = None,
        then: Callable[[], None] | None = None,
    ) -> T:
        """Run `work(None)`."""
        async with self._lock:
            result = await work(None)
        self._end(then)
        return result

    async def single(self, write: Work[T], record: Record) -> T:
        """Run `write(None)`."""
        result = await write(None)
        self._end(None)
        return result

    async def drain(self) -> None:
        """Do nothing: no work continues without its caller."""

    def _end(self, then: Callable[[], None] | None) -> None:
        if (pending := recording.get()) is not None:
            pending.join(lambda record: self._keys.insert([record], None))
            pending.committed = then or pending.committed
        elif then is not None:
            then()
