"""One run of a transaction: its tries with back-off, its commit, and its end where a commit was lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from inspect import isawaitable
from time import monotonic
from typing import Any, Generic, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from leads_api.errors import Unavailable
from leads_api.mongo.client import (
    LEAST_SECONDS,
    LONGEST_SECONDS,
    Database,
    Session,
    deadline,
    is_sharded,
    start_session,
    until,
)
from leads_api.mongo.concurrency import ConcurrencyLimits, Record
from leads_api.telemetry.metrics import Counter

T = TypeVar("T")

Work = Callable[[Session], Awaitable[T]]
Committed = Callable[[Session], Awaitable[T | None]]
"""Returns the result that an earlier try of the work has committed; None if there is none."""

MAX_TIME_MS_EXPIRED = 50
ABORT_SECONDS = 2.0
_ENDED = Counter("leads_transactions_total", "Transactions that ended.", ["outcome"])
_RETRIES = Counter("leads_transaction_retries_total", "Repetitions after transient errors.", ["part"])
_TRANSIENT = "TransientTransactionError"
"""The label of errors after which nothing is committed and nothing is locked."""


class TryAgain(Unavailable):
    """Raised by work that another call has disturbed. It is run again, in a new transaction."""


class Run(Generic[T]):
    """One run of some work: its tries, on one session."""

    def __init__(
        self,
        database: Database,
        concurrency: ConcurrencyLimits,
        work: Work[T],
        records: Sequence[Record],
        committed: Committed[T] | None,
        *,
        held: bool = False,
        key: Record | None = None,
    ) -> None:
        """The work may add to `records`; `held` says that the caller holds them.

        `key` is the record of an idempotency key that is written as well.
        """
        self._database = database
        self._concurrency = concurrency
        self._work = work
        self._given = records
        self._held = held
        self._key = [] if key is None else [key]
        self._committed = committed
        self._commit_sent = False
        self.trying = False
        """Whether a transaction is open. Otherwise the run can be cancelled."""
        self.abandoned = False
        """Whether the caller is gone, so that no other try must begin."""

    @property
    def _records(self) -> list[Record]:
        return [*self._given, *self._key]

    def abandon(self, task: asyncio.Task[T]) -> None:
        """Begin no other try. `task` is this run's; it is cancelled unless a transaction is open."""
        self.abandoned = True
        if not self.trying:
            task.cancel()

    async def __call__(self) -> T:
        """Hold the records, and try until the transaction is committed, fails for good or is too late."""
        outcome = "failed"
        try:
            done = await self._tried()
            outcome = "committed"
        finally:
            _ENDED.add(outcome)
        return done

    async def _tried(self) -> T:
        with deadline(LONGEST_SECONDS):
            # First the records and then, for each try, a turn: who waits for a record or pauses delays nobody else.
            async with (
                self._concurrency.records(*(self._key if self._held else self._records)),
                await start_session(self._database.client) as session,
            ):
                if is_sharded(self._database.client):
                    await self._catch_up(session)
                failed: PyMongoError | TryAgain | None = None
                for tries in range(1_000_000):
                    try:
                        async with self._concurrency.transactions:
                            self.trying = True
                            try:
                                return await self._try(session)
                            finally:
                                self.trying = False
                    except (PyMongoError, TryAgain) as error:
                        failed = error
                    except Unavailable as refused:
                        if failed is None or not self._commit_sent:
                            raise
                        # Its reason would say that nothing was sent, but an earlier try may have been committed.
                        raise failed from refused
                    if self.abandoned or (pause := pause_after(failed, tries)) is None:
                        raise failed
                    _RETRIES.add("transaction")
                    await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _catch_up(self, session: AsyncIOMotorClientSession) -> None:
        """Read the records outside of a transaction, so that the session knows a time at which they are current.

        A router chooses the snapshot of a transaction by its own clock, which may be behind a write that another router
        has acknowledged. After a read, the session asks for a snapshot that is not older.
        """
        for collection, ids in _by_collection(self._records).items():
            await self._database[collection].find_one({"_id": {"$in": ids}}, {"_id": 1}, session=session)

    async def _try(self, session: AsyncIOMotorClientSession) -> T:
        await begin(session)
        try:
            result = None
            if self._commit_sent and self._committed is not None:
                result = await self._committed(session)
            if result is None:
                result = await self._work(session)
            self._commit_sent = True
            await _commit(session)
        except BaseException as error:
            either: Any = session  # Motor's stub takes the property for a method
            # The deadline may have passed. Without an abort, documents stay locked for a minute.
            if either.in_transaction:
                await _shielded(session.abort_transaction)
            elif self.abandoned or not isinstance(error, PyMongoError) or not error.has_error_label(_TRANSIENT):
                # With the label, nothing is open, or the next try supersedes it; an abandoned run has none.
                await _shielded(partial(self._supersede, session))
            raise
        return result

    async def _supersede(self, session: AsyncIOMotorClientSession) -> None:
        """Start further transactions on the session, so that the server ends the one whose commit was lost.

        After a commit was sent, the driver sends no abort, and the locks would last for a minute. A commit that the
        server has executed is not affected. On a sharded cluster, each shard that the lost transaction has reached
        must see a later one. These are the shards of the records, and the one of all collections that are not sharded.
        """
        for collection, ids in _by_collection([*self._records, ("counters", "leads")]).items():
            with suppress(PyMongoError):
                await begin(session)
                try:
                    await self._database[collection].find_one({"_id": {"$in": ids}}, {"_id": 1}, session=session)
                finally:
                    await session.abort_transaction()


def _by_collection(records: Sequence[Record]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for collection, record_id in records:
        found.setdefault(collection, []).append(record_id)
    return found


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


async def _commit(session: AsyncIOMotorClientSession) -> None:
    for attempt in range(1_000_000):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if not unknown or error.timeout or getattr(error, "code", None) == MAX_TIME_MS_EXPIRED:
                raise
            _RETRIES.add("commit")
            await asyncio.sleep(_pause(attempt))
        else:
            return


def pause_after(error: Exception, tries: int) -> float | None:
    """Return how long to wait until the work is tried again (seconds); None if another try would be of no use."""
    pause = _pause(tries)
    late = monotonic() + pause > until() - LEAST_SECONDS
    is_transient = isinstance(error, TryAgain) or (
        isinstance(error, PyMongoError) and error.has_error_label(_TRANSIENT)
    )
    return pause if is_transient and not late else None


def _pause(attempt: int) -> float:
    return random.uniform(0.005, min(0.25, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter is no secret
