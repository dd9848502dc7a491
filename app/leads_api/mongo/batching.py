"""Calls that wait at the same moment travel together: reads by id, creates, steps of a counter.

A driver call costs several times what the rest of a request does, so their number decides. A lone caller waits for
nobody; while a call is under way, those that come are gathered, so that batches grow with the load. One batch is under
way at a time: with two, a GET under load took a fifth more CPU, and the slowest of them three times as long.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

from bson.errors import InvalidDocument
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, PyMongoError, WriteError

from leads_api.errors import Unavailable
from leads_api.mongo.client import Collection, Document, deadline

K = TypeVar("K")
R = TypeVar("R")
_Waiting = tuple[K, float, asyncio.Future[R]]
"""A request, when it came, and its answer to be."""

MAX_BATCH = 500
WORTHWHILE = 32
"""Members of a batch from which on a call costs each of them next to nothing."""
QUIET_TURNS = 6
"""Turns of the loop, of some microseconds, in which nobody came: then nobody is likely to. Two of them send answers."""
MAX_WAITING = 10_000
DUPLICATE_KEY = 11000
_REMEMBERED = 1000


class Batcher(Generic[K, R]):
    """Gathers requests of one kind; `perform` answers a list of them, in order, each with a result or an error."""

    def __init__(
        self, perform: Callable[[list[K]], Awaitable[list[R | Exception]]], *, seconds: float, gathers: bool = False
    ) -> None:
        """Bound each batch to so many seconds.

        Callers who have their answers tend to ask again at once. A batch that left without them would be half as large
        as it could be, time after time; so one that `gathers`, as long as it is small, lets the loop read first what
        has just come in. Reads gain by that, a fifth at 32 connections; creates, of two calls in a row, do not.
        """
        self._perform = perform
        self._seconds = seconds
        self._gathers = gathers
        self._waiting: list[_Waiting[K, R]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self, request: K) -> R:
        """Return the result of a request. Raises its error, or Unavailable if too many wait already.

        What was asked before is under way or in the batch to come; a batch that was sent takes nothing more in. So a
        read that begins after a write was acknowledged sees it.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((request, loop.time(), answer))
        if self._under_way is None:
            # In a context of its own: the deadline of the caller who happens to start it is not that of the others.
            self._under_way = loop.create_task(self._run(), context=Context())
        return await answer

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits or is under way."""
        return self._under_way is None

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way is not None:
            await asyncio.wait([self._under_way])

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                if wanted := [waiting for waiting in batch if not waiting[2].done()]:  # else they left
                    await self._answer(wanted)
                if self._gathers:
                    await self._gather()
        finally:
            self._under_way = None

    async def _gather(self) -> None:
        quiet = 0
        while quiet < QUIET_TURNS and 0 < (before := len(self._waiting)) < WORTHWHILE:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0

    async def _answer(self, wanted: list[_Waiting[K, R]]) -> None:
        # The last to come waits the longest. Nobody is left for what would go on after that.
        left = self._seconds - (asyncio.get_running_loop().time() - wanted[-1][1])
        try:
            if left <= 0:
                raise Unavailable
            with deadline(left):
                outcomes = await self._perform([request for request, _, _ in wanted])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is every caller's answer
            outcomes = [error] * len(wanted)
        except BaseException:
            # Cut off, and nobody goes on: those who wait behind it are told as well.
            waiting, self._waiting = [*wanted, *self._waiting], []
            for _, _, answer in waiting:
                if not answer.done():
                    answer.set_exception(Unavailable())
            raise
        for (_, _, answer), outcome in zip(wanted, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)


class SingleFlight(Generic[K, R]):
    """Lets those who ask the same at the same moment share one answer.

    As in a batch: what was sent takes nobody more in, so whoever asks after a write was acknowledged sees it. Different
    questions do not wait for each other.
    """

    def __init__(self, perform: Callable[[K], Awaitable[R]], *, seconds: float) -> None:
        """Bound each answer to so many seconds."""
        self._perform = perform
        self._seconds = seconds
        self._asked: dict[bytes, Batcher[K, R]] = {}

    async def __call__(self, question: bytes, request: K) -> R:
        """Return the answer; requests of the same `question` are the same. Raises its error, or Unavailable."""
        if (batcher := self._asked.get(question)) is None:
            if len(self._asked) >= _REMEMBERED:
                self._asked = {asked: batcher for asked, batcher in self._asked.items() if not batcher.idle}
            batcher = self._asked[question] = Batcher(self._once, seconds=self._seconds)
        return await batcher(request)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        for batcher in list(self._asked.values()):
            await batcher.drain()

    async def _once(self, requests: list[K]) -> list[R | Exception]:
        return [await self._perform(requests[0])] * len(requests)


async def insert_each(collection: Collection, documents: list[Document]) -> list[Document | Exception]:
    """Insert documents in one call; return each of them, or why it could not be written."""
    if len(documents) > 1:
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):  # what was written may be lost: nobody can be promised anything
                raise
            refused = {fault["index"]: _write_error(fault) for fault in error.details.get("writeErrors", [])}
            return [refused.get(index, document) for index, document in enumerate(documents)]
        except (DocumentTooLarge, InvalidDocument, OverflowError):
            # The driver refuses to send the batch for one of them, perhaps after some of it was sent.
            pass
        else:
            return list(documents)
    return [await _inserted(collection, document) for document in documents]


async def _inserted(collection: Collection, document: Document) -> Document | Exception:
    try:
        await collection.insert_one(document)
    except (PyMongoError, InvalidDocument, OverflowError) as error:
        return error
    return document


def _write_error(fault: Document) -> Exception:
    kind = DuplicateKeyError if fault.get("code") == DUPLICATE_KEY else WriteError
    # Without the document that was refused, which the driver adds: errors are logged.
    return kind(fault.get("errmsg", ""), fault.get("code"), {name: fault[name] for name in fault.keys() - {"op"}})
