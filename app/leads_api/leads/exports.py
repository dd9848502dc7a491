"""All leads, page by page in the order of their ids: what `leads export` reads."""

from collections.abc import AsyncIterator
from typing import Any

from leads_api.catalog.cache import Catalog
from leads_api.leads.model import Lead, leads_of
from leads_api.leads.store import COLLECTION, WHOLE
from leads_api.mongo.client import Database, Document, deadline

PAGE = 200
"""Leads that are read at a time; with the longest descriptions, they have 50 MB."""
_CURSOR = 20_000
"""Leads that are read by one query."""
_PAGE_SECONDS = 60.0


async def count(database: Database) -> int:
    """Return how many leads there are, about."""
    with deadline(_PAGE_SECONDS):
        return await database[COLLECTION].estimated_document_count()


async def pages(database: Database, catalog: Catalog, *, after: int) -> AsyncIterator[list[Lead]]:
    """Return the leads with ids above `after`, as callers see them; each as it is when its page is read."""
    last = -1
    while after != last:
        last = after
        # Not one cursor for all: the time limit of the first page is one of the whole cursor.
        found = database[COLLECTION].find({"_id": {"$gt": after}}, WHOLE).sort("_id", 1).limit(_CURSOR).batch_size(PAGE)
        while leads := await _next(found, catalog):
            yield leads
            after = leads[-1].id


async def _next(found: Any, catalog: Catalog) -> list[Lead]:
    with deadline(_PAGE_SECONDS):
        documents: list[Document] = await found.to_list(PAGE)
        return await leads_of(documents, catalog)
