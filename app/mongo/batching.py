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

from app.errors import Unavailable
from app.mongo.client import Collection, Document, deadline

K = TypeVar("K")
R = TypeVar("R")

MAX_BATCH = 500
MAX_WAITING = 10_000
DUPLICATE_KEY = 11000
_REMEMBERED = 1000


class Batcher(Generic[K, R]):
    """Gathers requests of one kind; `perform` answers a list of them, in order, each with a result or an error."""

    def __init__(self, perform: Callable[[list[K]], Awaitable[list[R | Exception]]], *, seconds: float) -> None:
        """Bound each batch to so many seconds."""
        self._perform = perform
        self._seconds = seconds
        self._waiting: list[tuple[K, asyncio.Future[R]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self, request: K) -> R:
        """Return the result of a request. Raises its error, or Unavailable if too many wait already.

        What was asked before is under way or in the batch to come; a batch that was sent takes nothing more in. So a
        read that begins after a write was acknowledged sees it.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._under_way is None:
            # In a context of its own: the deadline of the caller who happens to start it is not that of the others.
            self._under_way = asyncio.get_running_loop().create_task(self._run(), context=Context())
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
                if wanted := [(request, answer) for request, answer in batch if not answer.done()]:  # else they left
                    await self._answer(wanted)
        finally:
            self._under_way = None

    async def _answer(self, wanted: list[tuple[K, asyncio.Future[R]]]) -> None:
        try:
            with deadline(self._seconds):
                outcomes = await self._perform([request for request, _ in wanted])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is every caller's answer
            outcomes = [error] * len(wanted)
        for (_, answer), outcome in zip(wanted, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)


class Shared(Generic[K, R]):
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
            refused = {fault["index"]: _write_error(fault) for fault in error.details.get("writeErrors", [])}
            if not refused:  # written, but the write concern was not met: nobody can be promised anything
                raise
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
