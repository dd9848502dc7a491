"""All leads, page by page in the order of their ids: what `leads export` reads."""

from collections.abc import AsyncIterator

from leads_api.catalog.cache import Catalog
from leads_api.leads.model import Lead, leads_of
from leads_api.leads.store import COLLECTION, WHOLE
from leads_api.mongo.client import Database, deadline

PAGE = 200
"""Leads that are read at a time; with the longest descriptions, they have 50 MB."""
_PAGE_SECONDS = 60.0


async def count(database: Database) -> int:
    """Return how many leads there are, about."""
    with deadline(_PAGE_SECONDS):
        return await database[COLLECTION].estimated_document_count()


async def pages(database: Database, catalog: Catalog, *, after: int) -> AsyncIterator[list[Lead]]:
    """Return the leads with ids above `after`, as callers see them; each as it is when its page is read."""
    while True:
        with deadline(_PAGE_SECONDS):
            found = database[COLLECTION].find({"_id": {"$gt": after}}, WHOLE).sort("_id", 1).limit(PAGE)
            documents = [document async for document in found]
            leads = await leads_of(documents, catalog)
        if not leads:
            return
        yield leads
        after = leads[-1].id
