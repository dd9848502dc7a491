"""The one runner of transactions."""

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
"""Returns what an earlier try of some work has written; None if nothing."""

MAX_TIME_MS_EXPIRED = 50
ABORT_SECONDS = 2.0

AT_ONCE = 16
"""Transactions that one process has under way: more of them make each other start over, and are slower."""


class Transact(Protocol):
    """Runs work in a transaction and returns what it returned."""

    async def __call__(
        self,
        work: Work[T],
        *,
        committed: Committed[T] | None = None,
    ) -> T:
        """Run `work(session)`, perhaps several times. Whatever it raises aborts the transaction and is raised here.

        The answer to a commit can be lost. Then the work is tried again, and must not be done twice: `committed` is
        asked first. Work that may be done twice has no need of it.
        """
        ...


class Transactions:
    """Transactions of a replica set or a sharded cluster: read concern snapshot, write concern majority."""

    def __init__(self, database: Database, *, seconds: float) -> None:
        """Bound each transaction, its repetitions included, to so many seconds."""
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
        """Run the work to its end even if the caller is cancelled, so that nothing stays open on the server.

        It waits for its turn before; a caller who is cancelled then has done nothing.
        """
        await self._limit.acquire()
        task = asyncio.create_task(self._run(work, committed))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for the transactions whose callers have gone."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        self._limit.release()
        if not task.cancelled():
            task.exception()  # the caller may have gone: then nobody else asks for it

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
                            await _in_its_own_time(partial(self._supersede, session))
                            raise
                    await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _supersede(self, session: AsyncIOMotorClientSession) -> None:
        """Begin another transaction on the session, which makes the server end one that a lost commit has left open.

        The driver sends no abort once a commit was tried; what it locked would stay so for a minute. A commit that did
        happen stays.
        """
        with suppress(PyMongoError):
            await begin(session)
            await self._database["counters"].find_one({"_id": "leads"}, session=session)
            await session.abort_transaction()


async def _in_its_own_time(work: Callable[[], Awaitable[None]]) -> None:
    """Do something last: not cancelled with its caller, and not under a deadline that may be over already."""

    async def bounded() -> None:
        with deadline(ABORT_SECONDS):
            await work()

    await asyncio.shield(asyncio.create_task(bounded(), context=Context()))


async def begin(session: AsyncIOMotorClientSession) -> None:
    """Begin a transaction as all of them are: of one moment, and kept by a majority."""
    # Not `async with session.start_transaction()`: that form commits on exit, and once only.
    starting: Any = session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    if isawaitable(starting):  # PyMongo's own; Motor's has begun
        await starting


async def _attempt(session: AsyncIOMotorClientSession, work: Work[T]) -> T:
    await begin(session)
    try:
        result = await work(session)
        await _commit(session)
    except BaseException:
        if session.in_transaction:  # type: ignore[truthy-function]  # a property; Motor's stub is wrong
            # The deadline may be what ended the work; an abort that is not sent leaves documents locked for a minute.
            await _in_its_own_time(session.abort_transaction)
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


class OneAtATime:
    """Stands in for transactions on mongomock, which has none: runs each work once, alone, and undoes nothing."""

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
        """Nothing goes on without its caller here."""
