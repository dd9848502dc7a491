"""Inserts of new documents into one collection. Concurrent ones share a call, or a transaction."""

from collections.abc import Awaitable
from functools import partial

from bson.errors import InvalidDocument
from pymongo.errors import OperationFailure, PyMongoError

from leads_api.errors import Unavailable
from leads_api.mongo.batching import Batcher, insert_each
from leads_api.mongo.client import Collection, Document, Session, is_mongomock
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.recording import COLLECTION, KeyInUse, Recording, recording
from leads_api.mongo.transaction import Transact

_Pair = tuple[Document, Document]
"""A new document, and the record of the idempotency key that it is inserted for."""


class Inserts:
    """Inserts single documents, each independent of the others.

    Concurrent inserts share one call (group commit). Those of requests with an idempotency key share one transaction,
    which also has the records of their keys.
    """

    def __init__(self, collection: Collection, keys: IdempotencyStore, transact: Transact) -> None:
        self._collection = collection
        self._keys = keys
        self._transact = transact
        self._together = not is_mongomock(collection.database.client)
        """Whether transactions can be shared: without rollback, a refused document would leave the others behind."""
        self._plain = Batcher(partial(insert_each, collection), writes=True, queue="lead_inserts")
        self._keyed = Batcher(self._insert_all, writes=True, gathers=True, queue="keyed_inserts")

    def __call__(self, document: Document) -> Awaitable[Document]:
        """Insert a document and return it. If the request has an idempotency key, it is inserted with the answer."""
        if (pending := recording.get()) is None:
            return self._plain(document)
        return self._join(pending, document)

    async def drain(self) -> None:
        """Wait until no insert is in progress."""
        await self._plain.drain()
        await self._keyed.drain()

    async def _join(self, pending: Recording, document: Document) -> Document:
        pending.join(lambda record: self._keyed((document, record)))
        return document

    async def _insert_all(self, pairs: list[_Pair]) -> list[Exception | None]:
        """Insert all in one transaction. If it is refused, look for the culprit by halves."""
        if len(pairs) == 1 or self._together:
            try:
                await self._insert(pairs)
            except (KeyInUse, OperationFailure, InvalidDocument, OverflowError) as error:
                if len(pairs) == 1 or (isinstance(error, OperationFailure) and error.timeout):
                    return [error] * len(pairs)
            except (PyMongoError, Unavailable) as error:  # not of the other half, which may be written
                return [error] * len(pairs)
            else:
                return [None] * len(pairs)
        middle = len(pairs) // 2
        return [*await self._insert_all(pairs[:middle]), *await self._insert_all(pairs[middle:])]

    async def _insert(self, pairs: list[_Pair]) -> None:
        """Insert all in one transaction. If the answer to a commit is lost, the next try finds its documents there.

        That is refused, and then each request finds its record.
        """
        documents = [document for document, _ in pairs]
        records = [record for _, record in pairs]

        async def work(session: Session) -> None:
            if len(documents) == 1:
                await self._collection.insert_one(documents[0], session=session)
            else:
                await self._collection.insert_many(documents, session=session)
            await self._keys.insert(records, session)

        await self._transact(
            work,
            records=[(self._collection.name, document["_id"]) for document in documents]
            + [(COLLECTION, record["_id"]) for record in records],
        )
