"""The one runner of transactions."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextvars import Context
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from app.mongo.client import Client, Session, deadline, start_session

T = TypeVar("T")

MAX_TIME_MS_EXPIRED = 50
ABORT_SECONDS = 2.0


class Transact(Protocol):
    """Runs work in a transaction and returns what it returned."""

    async def __call__(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work(session)`, perhaps several times: it must be idempotent. Whatever it raises aborts and goes on."""
        ...


class Transactions:
    """Transactions of a replica set or a sharded cluster: read concern snapshot, write concern majority."""

    def __init__(self, client: Client, *, seconds: float) -> None:
        """Bound each transaction, its repetitions included, to so many seconds."""
        self._client = client
        self._seconds = seconds
        self._running: set[asyncio.Task[object]] = set()

    async def __call__(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run the work to its end even if the caller is cancelled, so that nothing stays open on the server."""
        task = asyncio.create_task(self._run(work))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for the transactions whose callers have gone."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have gone: then nobody else asks for it

    async def _run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        with deadline(self._seconds):
            until = asyncio.get_running_loop().time() + self._seconds
            async with await start_session(self._client) as session:
                for attempt in range(1_000_000):
                    try:
                        return await _attempt(session, work)
                    except PyMongoError as error:
                        pause = _pause(attempt)
                        late = asyncio.get_running_loop().time() + pause >= until
                        if late or not error.has_error_label("TransientTransactionError"):
                            raise
                    await asyncio.sleep(pause)
        raise AssertionError("unreachable")


async def _attempt(session: AsyncIOMotorClientSession, work: Callable[[Session], Awaitable[T]]) -> T:
    # Not `async with session.start_transaction()`: that form commits on exit, and once only.
    starting: Any = session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    if isawaitable(starting):  # PyMongo's own; Motor's has begun
        await starting
    try:
        result = await work(session)
        await _commit(session)
    except BaseException:
        if session.in_transaction:  # type: ignore[truthy-function]  # a property; Motor's stub is wrong
            # In a context of its own: the deadline may be what ended the work, and an abort that is not sent
            # leaves the documents locked for a minute.
            await asyncio.shield(asyncio.create_task(_abort(session), context=Context()))
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


async def _abort(session: AsyncIOMotorClientSession) -> None:
    with deadline(ABORT_SECONDS):
        await session.abort_transaction()


def _pause(attempt: int) -> float:
    return random.uniform(0.005, min(0.25, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter is no secret


class OneAtATime:
    """Stands in for transactions on mongomock, which has none: runs each work once, alone, and undoes nothing."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __call__(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work(None)`."""
        async with self._lock:
            return await work(None)

    async def drain(self) -> None:
        """Nothing goes on without its caller here."""
