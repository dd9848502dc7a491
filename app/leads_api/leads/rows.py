"""The rows of lists: leads as callers see them, encoded, and remembered for those who list the same leads next."""

from collections.abc import Sequence
from typing import NamedTuple

from leads_api.catalog.cache import Catalog, Snapshot
from leads_api.http.envelope import encode
from leads_api.leads.model import lead_of
from leads_api.mongo.long_values import opened

REMEMBERED_BYTES = 4 * 1024 * 1024
"""Half of what the rows may have that are remembered, with their documents. Both halves hold some 4000 usual leads."""


class Row(NamedTuple):
    """A lead of a list."""

    lead_id: int
    encoded: bytes
    """The JSON of the lead; of no use without its long values."""
    size: int
    """About how many bytes the lead has with its long values."""
    is_whole: bool
    """Whether it has its long values."""


class Rows:
    """Makes rows of documents.

    Most lists show leads that were shown a moment ago. Their rows are found by all the bytes of their documents, in a
    tenth of the time that it takes to decode, show and encode them. A lead that has changed has other bytes, and with
    other settings all rows are made anew. So a row is never out of date.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._settings: Snapshot | None = None
        self._newer: dict[bytes, Row] = {}
        self._older: dict[bytes, Row] = {}
        """What was used before the newer ones became too many. What is not used again meanwhile is forgotten."""
        self._bytes = 0

    async def of(self, documents: Sequence[bytes]) -> list[Row]:
        """Return the rows of documents that `LongValues` found."""
        return await self._catalog.show(lambda settings: self._shown(documents, settings))

    def _shown(self, documents: Sequence[bytes], settings: Snapshot) -> list[Row]:
        if settings is not self._settings:
            self._settings, self._newer, self._older, self._bytes = settings, {}, {}, 0
        return [self._row(document, settings) for document in documents]

    def _row(self, document: bytes, settings: Snapshot) -> Row:
        if (row := self._newer.get(document)) is None:
            row = self._newer[document] = self._older.get(document) or _made(document, settings)
            self._bytes += len(document) + len(row.encoded)
            if self._bytes > REMEMBERED_BYTES:
                self._older, self._newer, self._bytes = self._newer, {}, 0
        return row


def _made(document: bytes, settings: Snapshot) -> Row:
    found, size, is_whole = opened(document)
    return Row(found["_id"], encode(lead_of(found, settings)), size, is_whole)
