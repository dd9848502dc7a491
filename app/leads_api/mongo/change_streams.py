"""Change streams: what was committed to a collection, in order, read in batches; the same with both drivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorCollection
from msgspec import Struct
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from leads_api.mongo.client import CLOSE_SECONDS, Collection, Database, Document, deadline, start_session
from leads_api.mongo.faults import described

CALL_SECONDS = 5.0
AWAIT_MS = 250
"""How long the server waits for a change before it says that there is none."""
GATHER_SECONDS = 0.02
"""How long a batch is gathered from the first change on."""

_LOST = {10334, 260, 280, 286}
"""BSONObjectTooLarge, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost: the stream cannot go on
from where it was."""
_TRANSIENT = {6, 7, 63, 89, 91, 112, 133, 134, 150, 189, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436}
"""Errors of networks, elections and routing, after which the stream can be opened again."""


class Position(Struct, frozen=True):
    """Where a reader is: the token of the last change, or else the time to begin at; and the last id that it gave."""

    token: Document | None
    start: Timestamp | None
    last: int

    def stored(self) -> Document:
        """Return the fields of the document."""
        return {"token": self.token, "start": self.start, "last": self.last}


class HistoryLost(Exception):  # noqa: N818 - named as the failures are
    """The changes behind a position are not known any more. `token`, if there is one, is where they go on."""

    def __init__(self, reason: str, token: Document | None = None) -> None:
        self.token = token
        super().__init__(reason)


class NoChangeStream(Exception):  # noqa: N818 - named as the failures are
    """The database has no change streams, or its user may not read them."""


class Changes:
    """An open change stream."""

    def __init__(self, stream: Any) -> None:
        """`stream` is PyMongo's: the synchronous one, or the asynchronous one."""
        self._stream = stream
        self.asynchronous = asyncio.iscoroutinefunction(stream.try_next)

    @property
    def token(self) -> Document | None:
        """Return the token from which the stream goes on behind all that was read; it moves without changes as well."""
        token: Document | None = self._stream.resume_token
        return token

    async def batch(self, most: int) -> list[Document]:
        """Return the next changes; none if there are none within AWAIT_MS. Raises HistoryLost."""
        try:
            # With Motor, all of it on one thread: each step of its own stream would be a call to a thread.
            with deadline(CALL_SECONDS):
                return await (self._gather(most) if self.asynchronous else asyncio.to_thread(self._gather_here, most))
        except OperationFailure as error:
            if _is_lost(error):
                raise HistoryLost(described(error)) from error
            raise

    async def _gather(self, most: int) -> list[Document]:
        found: list[Document] = []
        until = 0.0
        while (entry := await self._stream.try_next()) is not None:
            until = until or monotonic() + GATHER_SECONDS
            found.append(entry)
            if self._is_enough(entry, len(found) >= most or monotonic() >= until):
                break
        return found

    def _gather_here(self, most: int) -> list[Document]:
        found: list[Document] = []
        until = 0.0
        while (entry := self._stream.try_next()) is not None:
            until = until or monotonic() + GATHER_SECONDS
            found.append(entry)
            if self._is_enough(entry, len(found) >= most or monotonic() >= until):
                break
        return found

    def _is_enough(self, entry: Document, full: bool) -> bool:  # noqa: FBT001 - said by the callers above
        # The token is ahead of the last entry where the server's batch ends; another read would wait there.
        return full or self._stream.resume_token != entry["_id"]


@asynccontextmanager
async def watch(collection: Collection, pipeline: list[Document], position: Position) -> AsyncIterator[Changes]:
    """Open a change stream at a position for the block. Raises HistoryLost or NoChangeStream.

    Not `resume_after`: `start_after` also takes the token of the entry that tells the end of a dropped collection.
    """
    options: dict[str, Any] = {"max_await_time_ms": AWAIT_MS}
    if position.token is not None:
        options["start_after"] = position.token
    elif position.start is not None:
        options["start_at_operation_time"] = position.start
    either: Any = collection.with_options(read_concern=ReadConcern("majority"))  # the only one that streams accept
    try:
        with deadline(CALL_SECONDS):
            if isinstance(either, AsyncIOMotorCollection):
                stream = await asyncio.to_thread(either.delegate.watch, pipeline, **options)
            else:
                stream = await either.watch(pipeline, **options)
    except OperationFailure as error:
        if _is_lost(error):
            raise HistoryLost(described(error)) from error
        if error.timeout or error.code in _TRANSIENT or error.has_error_label("ResumableChangeStreamError"):
            raise
        raise NoChangeStream(described(error)) from error
    changes = Changes(stream)
    try:
        yield changes
    finally:
        with suppress(PyMongoError), deadline(CLOSE_SECONDS):
            await (stream.close() if changes.asynchronous else asyncio.to_thread(stream.close))


async def find_since(
    collection: Collection, since: Any, wanted: Document, projection: Document
) -> AsyncIterator[Document]:
    """Return documents as they are at an operation time or later, and as no election can roll them back."""
    client: Any = collection.database.client
    async with await start_session(client) as session:
        session.advance_operation_time(since)
        committed = collection.with_options(read_concern=ReadConcern("majority"))
        async for document in committed.find(wanted, projection, session=session):
            yield document


async def operation_time(database: Database) -> Timestamp | None:
    """Return the time of the last operation, from which a change stream can be read later; None if it is not told."""
    told: Timestamp | None = (await database.command("ping")).get("operationTime")
    return told


def _is_lost(error: OperationFailure) -> bool:
    return error.code in _LOST or error.has_error_label("NonResumableChangeStreamError")
