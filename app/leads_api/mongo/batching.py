"""Batching (group commit) of concurrent database calls: reads by id, creates, counter increments; and single-flight.

A driver call costs several times as much as the rest of a request, so fewer calls means more requests per second. A
single request is sent at once. Requests that arrive while a batch is in progress form the next batch, so batches grow
with the load. One batch is in progress at a time: with two, a GET under load used 20% more CPU, and the slowest GET
took three times as long. Only if a batch of reads takes so long that those behind it would be late, the next one begins
beside it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from time import monotonic
from typing import Generic, TypeVar

from bson.errors import InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    WriteError,
)

from leads_api.errors import Unavailable
from leads_api.mongo.client import (
    LEAST_SECONDS,
    Collection,
    DeadlinePassed,
    Document,
    deadline_at,
    until,
)
from leads_api.mongo.queues import Queue
from leads_api.telemetry import spans, traces
from leads_api.telemetry.metrics import COUNTS, Histogram
from leads_api.telemetry.traces import Trace

K = TypeVar("K")
R = TypeVar("R")
_Waiting = tuple[K, float, asyncio.Future[R], float, Trace | None]
"""A request, its deadline, the future of its result, when it began to wait, and its trace."""

MAX_BATCH = 500
WORTHWHILE = 32
"""The size of a batch at which the cost of the call per request is negligible."""
IDLE_ITERATIONS = 6
"""Iterations of the event loop, of some microseconds each, without a new request after which a batch is sent.

Two of them are needed to send the responses of the previous batch.
"""
MAX_WAITING = 10_000
AT_ONCE = 2
"""Batches in progress if the first one takes long."""
CHECK_SECONDS = 0.05
"""How often it is checked whether a batch takes long."""
FAIR_SECONDS = 1.0
"""A batch of writes that has no answer after this time is a sign that the database does not answer at all."""
DUPLICATE_KEY = 11000
BSON_OBJECT_TOO_LARGE = 10334
_MARGIN = 1.25
"""Batches may take this much longer than on average, or than the one in progress has taken until now."""
_WEIGHT = 0.2
"""The weight of the last batch in the average duration of batches."""
_REMEMBERED = 1000

_SIZE = Histogram("leads_batch_size", "Requests that shared one database call.", ["queue"], COUNTS)


class Batcher(Queue, Generic[K, R]):
    """Batches concurrent requests of one kind. Each request keeps the deadline of its caller.

    `perform` takes a list of requests and returns a result or an error for each, in the same order.
    """

    def __init__(
        self,
        perform: Callable[[list[K]], Awaitable[list[R | Exception]]],
        *,
        gathers: bool = False,
        writes: bool = False,
        most: int | None = None,
        queue: str = "other",
    ) -> None:
        """With `gathers`, wait some iterations of the event loop before a small batch.

        Callers who have received their response tend to send the next request at once. A batch that is sent before
        these requests are read is half as large as it could be, every time. Reads gain 20% at 32 connections; creates,
        which are two calls in a row, gain nothing.

        With `writes`, nothing is written for a caller who was answered that it was not, except where the database's
        answer is lost. So a batch ends at the earliest deadline of its requests; those with much more time are sent in
        the next batch. If a batch is not answered in time, those who wait are refused. A batch of reads ends at the
        latest deadline, and the next one may begin beside it.

        A batch has at most `most` requests, by default MAX_BATCH. `queue` is its name in the metrics.
        """
        super().__init__(queue)
        self._sizes = _SIZE.at(queue)
        self._perform = perform
        self._most = most or MAX_BATCH
        self._gathers = gathers
        self._writes = writes
        self._waiting: list[_Waiting[K, R]] = []
        self._runs: set[asyncio.Task[None]] = set()
        self._newest: asyncio.Task[None] | None = None
        """The run that sends the next batch. An older one only waits for its batch."""
        self._began = 0.0
        """When the newest batch began."""
        self._seconds = 0.0
        """The average duration of the last batches."""
        self._checking = False

    async def __call__(self, request: K) -> R:
        """Return the result of a request. Raises its error, or Unavailable if it cannot be sent before its deadline.

        A batch that was sent accepts no more requests. So a read that begins after a write was acknowledged sees the
        write.
        """
        late, waiting = until(), len(self._waiting)
        if waiting >= self._most and self._is_full(waiting, late):
            raise Unavailable(reason=f"too many wait for a batch: {waiting}")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((request, late, answer, monotonic(), traces.current.get()))
        if self._newest is None:
            self._begin(loop)
        elif not self._checking and not self._writes:
            self._checking = True
            loop.call_later(CHECK_SECONDS, self._check, loop)
        return await answer

    @property
    def waiting(self) -> int:
        """Return how many requests wait for the next batch."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Return whether no request is waiting or in progress."""
        return not self._runs

    async def drain(self) -> None:
        """Wait until no batch is in progress."""
        while self._runs:
            await asyncio.wait(self._runs)

    def _is_full(self, waiting: int, late: float) -> bool:
        """Return whether the batches before a new request will probably take too long for its deadline."""
        wait = self._seconds * (waiting // self._most)
        return waiting >= MAX_WAITING or self.is_too_long(wait, late - LEAST_SECONDS)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        # In a new context: the deadline of the caller that starts the task must not apply to the other callers.
        self._newest = loop.create_task(self._run(), context=Context())
        self._runs.add(self._newest)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next batch beside the one in progress if those who wait for it would be late otherwise."""
        if not self._waiting:
            self._checking = False
            return
        if len(self._runs) < AT_ONCE:
            moment = monotonic()
            oldest = next((late for _, late, answer, _, _ in self._waiting if not answer.done()), None)
            if oldest is not None and oldest - moment <= _MARGIN * max(self._seconds, moment - self._began):
                self._begin(loop)
        loop.call_later(CHECK_SECONDS, self._check, loop)

    async def _run(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        try:
            while self._waiting:
                self._began = monotonic()
                if batch := self._next():
                    await self._answer(batch, self._began)
                if me is not self._newest:  # this batch took long
                    return
                if self._gathers:
                    await self._gather()
        finally:
            self._runs.discard(me)
            if me is self._newest:
                self._newest = None

    async def _gather(self) -> None:
        idle = 0
        while idle < IDLE_ITERATIONS and 0 < (before := len(self._waiting)) < WORTHWHILE:
            await asyncio.sleep(0)
            idle = idle + 1 if len(self._waiting) == before else 0

    def _next(self) -> list[_Waiting[K, R]]:
        """Take the requests of the next batch: without callers who are gone, or have no time left."""
        first, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        least = self._began + LEAST_SECONDS
        batch = [waiting for waiting in first if waiting[1] >= least and not waiting[2].done()]
        if len(batch) < len(first):
            for _, late, answer, _, _ in first:
                if late < least and not answer.done():
                    answer.set_exception(DeadlinePassed("a batch"))
        if self._writes and batch:
            # Up to twice the time of the first: so nobody loses more than half of it to others.
            last = 2 * min(late for _, late, _, _, _ in batch) - self._began
            later = [waiting for waiting in batch if waiting[1] > last]
            if later:
                batch = [waiting for waiting in batch if waiting[1] <= last]
                self._waiting = later + self._waiting
        return batch

    async def _answer(self, batch: list[_Waiting[K, R]], began: float) -> None:
        lates = [late for _, late, _, _, _ in batch]
        self._sizes.observe(len(batch))
        for _, _, _, asked, _ in batch:
            self._waits.observe(began - asked)
        if spans.tracing is not None:
            traces.current.set(traces.shared(trace for _, _, _, _, trace in batch))
        try:
            with deadline_at(min(lates) if self._writes else max(lates)):
                outcomes = await self._perform([request for request, _, _, _, _ in batch])
        except Exception as error:  # noqa: BLE001 - any error is raised in every caller
            outcomes = [error] * len(batch)
        except BaseException:
            # The task was cancelled and sends no further batch.
            self._waiting = [*batch, *self._waiting]
            self._refuse_waiting("the batch was cut off")
            raise
        took = monotonic() - began
        self._seconds += _WEIGHT * (took - self._seconds)
        is_late = any(isinstance(outcome, PyMongoError) and outcome.timeout for outcome in outcomes)
        # A batch ends at the deadline of its first member. A short time says nothing about the database.
        if self._writes and is_late and took >= FAIR_SECONDS:
            self._refuse_waiting("the batch before this request was not answered in time")
        for (_, _, answer, _, _), outcome in zip(batch, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

    def _refuse_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, []
        for _, _, answer, _, _ in waiting:
            if not answer.done():
                answer.set_exception(Unavailable(reason=reason))


class SingleFlight(Generic[K, R]):
    """Single-flight: concurrent callers with the same request share one result.

    A call that was sent accepts no more callers, so a request that begins after a write was acknowledged sees the
    write. Different requests do not wait for each other.
    """

    def __init__(self, perform: Callable[[K], Awaitable[R]], *, queue: str = "other") -> None:
        """`queue` is its name in the metrics."""
        self._perform = perform
        self._queue = queue
        self._asked: dict[bytes, Batcher[K, R]] = {}

    async def __call__(self, question: bytes, request: K) -> R:
        """Return the result; `question` identifies equal requests. Raises the call's error, or Unavailable."""
        if (batcher := self._asked.get(question)) is None:
            if len(self._asked) >= _REMEMBERED:
                self._asked = {asked: batcher for asked, batcher in self._asked.items() if not batcher.idle}
            batcher = self._asked[question] = Batcher(self._once, most=MAX_WAITING, queue=self._queue)
        return await batcher(request)

    async def drain(self) -> None:
        """Wait until no call is in progress."""
        for batcher in list(self._asked.values()):
            await batcher.drain()

    async def _once(self, requests: list[K]) -> list[R | Exception]:
        return [await self._perform(requests[0])] * len(requests)


async def insert_each(collection: Collection, documents: list[Document]) -> list[Document | Exception]:
    """Insert documents in one unordered call; return each document, or the error that prevented its insertion."""
    if len(documents) > 1:
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):  # any written document may be lost
                raise
            refused = {fault["index"]: _write_error(fault) for fault in error.details.get("writeErrors", [])}
            return [refused.get(index, document) for index, document in enumerate(documents)]
        except (DocumentTooLarge, InvalidDocument, OverflowError):
            # One document makes the driver refuse the batch, possibly after it has sent a part of it.
            pass
        except OperationFailure as error:
            if error.code != BSON_OBJECT_TOO_LARGE:  # one document makes the server refuse the batch
                raise
        else:
            return list(documents)
    return [await _inserted(collection, document) for document in documents]


async def _inserted(collection: Collection, document: Document) -> Document | Exception:
    try:
        await collection.insert_one(document)
    except DuplicateKeyError as error:
        try:  # the refused batch may have written it
            return document if await collection.find_one({"_id": document["_id"]}) == document else error
        except PyMongoError as later:
            return later
    except (PyMongoError, InvalidDocument, OverflowError) as error:
        return error
    return document


def _write_error(fault: Document) -> Exception:
    kind = DuplicateKeyError if fault.get("code") == DUPLICATE_KEY else WriteError
    # Without the refused document, which the driver adds ("op"): errors are logged, documents must not be.
    return kind(fault.get("errmsg", ""), fault.get("code"), {name: fault[name] for name in fault.keys() - {"op"}})
