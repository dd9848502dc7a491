"""Transactions: the only runner, with retries, back-off and a deadline, and its substitute for mongomock."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from leads_api.mongo.client import Database, Session, deadline, start_session

T = TypeVar("T")

Work = Callable[[Session], Awaitable[T]]
Committed = Callable[[Session], Awaitable[T | None]]
"""Returns the result that an earlier try of the work has committed; None if there is none."""

MAX_TIME_MS_EXPIRED = 50
ABORT_SECONDS = 2.0

AT_ONCE = 16
"""Concurrent transactions per process. More of them conflict, restart each other and are slower."""


class Transact(Protocol):
    """Runs work in a transaction and returns its result."""

    async def __call__(
        self,
        work: Work[T],
        *,
        committed: Committed[T] | None = None,
    ) -> T:
        """Run `work(session)`, possibly several times. An exception aborts the transaction and is raised here.

        The response to a commit may be lost. Then the work is retried, although an earlier try may have been committed.
        Work that must not be done twice passes `committed`, which is called before the retry.
        """
        ...


class Transactions:
    """Transactions on a replica set or sharded cluster: read concern snapshot, write concern majority."""

    def __init__(self, database: Database, *, seconds: float) -> None:
        """Limit each transaction, including its retries, to `seconds`."""
        self._database = database
        self._seconds = seconds
        self._running: set[asyncio.Task[object]] = set()
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def __call__(
        self,
        work: Work[T],
        *,
        committed: Committed[T] | None = None,
    ) -> T:
        """Run the work to its end even if the caller is cancelled, so that no transaction stays open on the server.

        If the caller is cancelled while it waits for the concurrency limit, the work is not started.
        """
        await self._limit.acquire()
        task = asyncio.create_task(self._run(work, committed))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for transactions in progress, including those whose callers were cancelled."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        self._limit.release()
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have been cancelled

    async def _run(self, work: Work[T], committed: Committed[T] | None) -> T:
        commit_sent = False

        async def attempt(session: Session) -> T:
            nonlocal commit_sent
            result = await committed(session) if commit_sent and committed is not None else None
            if result is None:
                result = await work(session)
            commit_sent = True
            return result

        with deadline(self._seconds):
            until = asyncio.get_running_loop().time() + self._seconds
            async with await start_session(self._database.client) as session:
                for tries in range(1_000_000):
                    try:
                        return await _attempt(session, attempt)
                    except PyMongoError as error:
                        pause = _pause(tries)
                        late = asyncio.get_running_loop().time() + pause >= until
                        if late or not error.has_error_label("TransientTransactionError"):
                            await _shielded(partial(self._release_locks, session))
                            raise
                    await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _release_locks(self, session: AsyncIOMotorClientSession) -> None:
        """Start another transaction on the session, so that the server ends one that a lost commit has left open.

        After a commit was tried, the driver sends no abort, and the locks would last for a minute. A commit that the
        server has executed is not affected.
        """
        with suppress(PyMongoError):
            await begin(session)
            await self._database["counters"].find_one({"_id": "leads"}, session=session)
            await session.abort_transaction()


async def _shielded(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` under ABORT_SECONDS, independent of the caller's cancellation and deadline, which may have passed."""

    async def bounded() -> None:
        with deadline(ABORT_SECONDS):
            await work()

    await asyncio.shield(asyncio.create_task(bounded(), context=Context()))


async def begin(session: AsyncIOMotorClientSession) -> None:
    """Start a transaction with read concern snapshot and write concern majority."""
    # Not `async with session.start_transaction()`: it commits on exit, and does not retry the commit.
    starting: Any = session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    if isawaitable(starting):  # PyMongo's is a coroutine; Motor's call has started the transaction
        await starting


async def _attempt(session: AsyncIOMotorClientSession, work: Work[T]) -> T:
    await begin(session)
    try:
        result = await work(session)
        await _commit(session)
    except BaseException:
        if session.in_transaction:  # type: ignore[truthy-function]  # a property; Motor's stub is wrong
            # The deadline may have passed. Without an abort, documents stay locked for a minute.
            await _shielded(session.abort_transaction)
        raise
    return result


async def _commit(session: AsyncIOMotorClientSession) -> None:
    for attempt in range(1_000_000):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if not unknown or error.timeout or getattr(error, "code", None) == MAX_TIME_MS_EXPIRED:
                raise
            await asyncio.sleep(_pause(attempt))
        else:
            return


def _pause(attempt: int) -> float:
    return random.uniform(0.005, min(0.25, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter is no secret


class SerialWork:
    """Substitute for `Transactions` on mongomock, which has none: runs one work at a time, once, without rollback."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __call__(
        self,
        work: Work[T],
        *,
        committed: Committed[T] | None = None,
    ) -> T:
        """Run `work(None)`."""
        async with self._lock:
            return await work(None)

    async def drain(self) -> None:
        """Do nothing: no work continues without its caller."""
