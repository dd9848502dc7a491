"""Finds documents without their long values, so that a page's size is known before its memory is taken.

A document may have 16 MiB, and a page a hundred of them. The first find returns the size of the long values instead of
the values, if they are long; a second one reads them. Pages of usual documents take one find.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bson import decode, encode

from leads_api.mongo.client import Collection, Document, is_mongomock, without_decoding, without_zones

LARGEST_DOCUMENT = 16 * 1024 * 1024
"""MongoDB's limit."""
LONG_BYTES = 16 * 1024
"""Values of a document that are larger than this together are left out of the first find."""
OTHER_BYTES = 2 * 1024
"""The size of all other values of a usual document."""


def size_of(document: Document) -> int:
    """Return how many bytes a document has in MongoDB."""
    return len(encode(document))


class Found(NamedTuple):
    """A document, and about how many bytes it has."""

    document: Document
    size: int
    is_whole: bool
    """Whether the document has its long values."""


class LongValues:
    """Finds documents of a collection with the fields `short`, and with the fields `long` unless these are large."""

    def __init__(self, collection: Collection, *, short: Sequence[str], long: Sequence[str]) -> None:
        self._collection = without_zones(collection)
        self._raw = without_decoding(self._collection)
        self._long = long
        self._projection = dict.fromkeys(short, 1) | {"long": _unless_large(long)}
        self._plain = dict.fromkeys((*short, *long), 1)
        self._is_mongomock = is_mongomock(collection.database.client)  # it has no expressions in projections

    async def find(self, wanted: Document, order: list[tuple[str, int]], *, skip: int = 0, limit: int) -> list[bytes]:
        """Return the documents of a page, each as its bytes, for `opened`."""
        # In one step: the driver takes longer for each document that it is asked for by itself.
        if self._is_mongomock:
            plain = self._collection.find(wanted, self._plain).sort(order).skip(skip).limit(limit)
            return [self._measured(document) for document in await plain.to_list(None)]
        found = self._raw.find(wanted, self._projection).sort(order).skip(skip).limit(limit)
        return [bytes(document.raw) for document in await found.to_list(None)]

    async def read(self, ids: Sequence[int]) -> list[Document]:
        """Return documents with all their values, in no order. Deleted ones are missing."""
        found: list[Document] = await self._collection.find({"_id": {"$in": ids}}, self._plain).to_list(None)
        return found

    def _measured(self, document: Document) -> bytes:
        """Return a document as the projection of a server would."""
        long = {field: document.pop(field) for field in self._long if field in document}
        size = size_of(long)
        document["long"] = {"size": size} | (long if size <= LONG_BYTES else {})
        return encode(document)


def opened(found: bytes) -> Found:
    """Decode the bytes of a document that `LongValues.find` returned."""
    document = decode(found)
    long = document.pop("long")
    size = long.pop("size")
    document.update(long)
    return Found(document, size + OTHER_BYTES, size <= LONG_BYTES)


def _unless_large(fields: Sequence[str]) -> dict[str, Any]:
    """Return the expression for the fields and their size; for the size only, if it is large."""
    values = {field: f"${field}" for field in fields}
    size: dict[str, Any] = {"size": "$$size"}
    return {
        "$let": {
            "vars": {"size": {"$bsonSize": values}},
            "in": {"$cond": [{"$gt": ["$$size", LONG_BYTES]}, size, size | values]},
        }
    }
