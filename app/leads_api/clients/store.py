"""The store of clients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leads_api.catalog.cache import Catalog
from leads_api.catalog.model import CLIENT_CATEGORY
from leads_api.clients.model import PLACE, Client, client_of
from leads_api.errors import NotFound
from leads_api.folding import caseless_email
from leads_api.mongo.client import Database, Document, Session, insert_all
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.pages import page_of
from leads_api.mongo.substrings import occurring, pieces
from leads_api.validation.paging import Paging

COLLECTION = "clients"
SCHEMA_VERSION = 3
"""The schema version of new documents."""

INDEXES = {
    COLLECTION: [
        # The last safeguard that a lead becomes at most one client.
        Index("created_from_lead_id", (("created_from_lead_id", 1),), unique=True),
        Index("owner_email", (("owner.folded_email", 1), ("_id", 1))),
        Index("category", (("category", 1),)),
        Index("search", (("search", 1),)),
    ]
}


def _refolded(client: Document) -> Document:
    owner = client.get("owner") or {}
    name, email = owner.get("name"), owner.get("email")
    folded = {} if email is None else {"owner.folded_email": caseless_email(email)}
    return {"$set": folded | {"search": pieces(client.get("company_name"), name, email)}}


STEPS = {
    COLLECTION: [
        Step(2),
        # 3: the folded copies follow `folding`; earlier versions case-folded only, and cut no pieces.
        Step(
            3,
            _refolded,
            reads=("company_name", "owner.name", "owner.email"),
            computes=("owner.folded_email", "search"),
        ),
    ]
}


class ClientNotFound(NotFound):
    """There is no client with this id."""

    message = "Client not found."


class ClientStore:
    """Reads clients, and inserts those that conversion creates."""

    def __init__(self, database: Database, catalog: Catalog, concurrency: ConcurrencyLimits) -> None:
        """`concurrency` limits lists."""
        self._clients = database[COLLECTION]
        self._catalog = catalog
        self._concurrency = concurrency

    async def get(self, client_id: int) -> Client:
        """Return a client. Raises ClientNotFound."""
        document: Document | None = await self._clients.find_one({"_id": client_id})
        if document is None:
            raise ClientNotFound
        return await self.shown(document)

    async def page(self, paging: Paging, *, email: str | None, search: str | None) -> tuple[list[Client], int]:
        """Return a page, newest first, and the total. `email` is the owner's; `search` looks into it as well."""
        query: dict[str, Any] = occurring(search or "")
        if email is not None:
            query["owner.folded_email"] = caseless_email(email)
        async with self._concurrency.lists:
            found, total = await page_of(self._clients, query, [("_id", -1)], skip=paging.skip, limit=paging.limit)
        return [await self.shown(document) for document in found], total

    async def insert(self, clients: Sequence[Document], session: Session) -> None:
        """Insert the clients of converted leads."""
        await insert_all(self._clients, clients, session)

    async def exists(self, client_id: int, session: Session) -> bool:
        """Return whether there is a client with this id."""
        return await self._clients.find_one({"_id": client_id}, {"_id": 1}, session=session) is not None

    async def uses_category(self, category_id: int) -> bool:
        """Return whether any client has this category."""
        return await self._clients.find_one({"category": category_id}, {"_id": 1}) is not None

    async def shown(self, document: Document, *, written: bool = False) -> Client:
        """Return a client as callers see it; with `written`, one that has just been written."""
        return await self._catalog.show(lambda settings: client_of(document, settings), written=written)


def new_client(
    lead: Document, *, client_id: int, company: str, owner: Document, due_days: int | None, now: datetime
) -> Document:
    """Return the document of a converted lead's client (contract, "Convert"); `owner` has id, name and email."""
    contact, address = lead.get("contact") or {}, lead.get("address") or {}
    return {
        "_id": client_id,
        "company_name": company,
        "description": None,
        "status": "active",
        "phone": contact.get("phone"),
        "website": contact.get("website"),
        "vat": None,
        "category": CLIENT_CATEGORY,
        "owner": owner | {"folded_email": caseless_email(owner["email"])},
        "billing": {**{field: address.get(field) for field in PLACE}, "invoice_due_days": due_days},
        "shipping": dict.fromkeys(PLACE),
        "dates": {"created": now, "updated": now},
        "tags": [],
        "created_from_lead_id": lead["_id"],
        "search": pieces(company, owner["name"], owner["email"]),
        "schema_version": SCHEMA_VERSION,
    }
