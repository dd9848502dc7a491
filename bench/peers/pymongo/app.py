"""Leads kept with PyMongo's AsyncMongoClient."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import HTTPException
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from bench.peers.catalog import Catalog, Counts
from bench.peers.fields import (
    CLIENT_CATEGORY,
    CONVERTED,
    MAX_COMMENT_BYTES,
    MAX_COMMENTS,
    SEARCHED,
    SORTS,
    WHOLE,
    assignments,
    filter_of,
    folded,
    nested,
    now,
    pieces,
    touch,
)
from bench.peers.pymongo.answers import client_out, lead_out
from bench.peers.routes import create_app
from bench.peers.schemas import (
    Address,
    ClientOut,
    CommentOut,
    Contact,
    ConvertInput,
    CreatedOut,
    LeadChanges,
    LeadInput,
    LeadOut,
    LeadQuery,
    timestamp,
)
from bench.peers.web import MONGODB_DATABASE, MONGODB_URI, Invalid

Document = dict[str, Any]


class LeadStore:
    def __init__(self, database: AsyncDatabase[Document], catalog: Catalog) -> None:
        self._database = database
        self._leads = database["leads"]
        self._catalog = catalog
        self._counts = Counts(self._leads)

    async def get(self, lead_id: int) -> LeadOut | None:
        return await self._shown(await self._leads.find_one({"_id": lead_id}, WHOLE))

    async def page(self, query: LeadQuery) -> tuple[list[LeadOut], int]:
        wanted = filter_of(query.status, query.search)
        total = await self._counts.of(wanted)
        skip = (query.page - 1) * query.limit
        if skip >= total:
            return [], total
        direction = 1 if query.order == "asc" else -1
        order = [(SORTS[query.sort], direction), ("_id", direction)]
        documents = await self._leads.find(wanted, WHOLE).sort(order).skip(skip).limit(query.limit).to_list()
        settings = await self._catalog.fresh()
        return [lead_out(document, settings) for document in documents], total

    async def create(self, lead: LeadInput, change: Document) -> LeadOut:
        tree, moment = nested(assignments(lead)), now()
        contact = Contact(**tree["contact"])
        document = {
            "_id": await self._next_id("leads"),
            "title": lead.lead_title,
            "value": tree.get("value"),
            "status": lead.lead_status,
            "active_state": "active",
            "category": lead.lead_categoryid,
            "source": lead.lead_source,
            "last_contacted": tree.get("last_contacted"),
            "description": lead.lead_description,
            "contact": contact.model_dump(),
            "address": Address(**tree["address"]).model_dump(),
            "converted": {"is_converted": False, "client_id": None, "date": None},
            "assigned": [],
            "tags": [],
            "custom": {},
            "comments": [],
            "comments_count": 0,
            "comments_bytes": 0,
            "version": 1,
            "dates": {"created": moment, "updated": moment},
            "folded": {"title": None, "company": None, "email": None, "source": None, "tags": []} | tree["folded"],
            "search": pieces(lead.lead_title, contact.company_name, contact.email),
            "change": change,
        }
        await self._leads.insert_one(document)
        return lead_out(document, await self._catalog.fresh())

    async def change(self, lead_id: int, changes: LeadChanges, change: Document) -> LeadOut | None:
        values = assignments(changes)
        if not any(path in values for path in SEARCHED):
            return await self._update({"_id": lead_id}, values, change)
        while before := await self._leads.find_one({"_id": lead_id}, WHOLE):
            texts = [before["title"], before["contact"]["company_name"], before["contact"]["email"]]
            search = pieces(*(values.get(path, text) for path, text in zip(SEARCHED, texts, strict=True)))
            wanted = {"_id": lead_id, "version": before["version"]}
            if after := await self._update(wanted, values | {"search": search}, change):
                return after
        return None

    async def set_status(self, lead_id: int, status: int, change: Document) -> LeadOut | None:
        return await self._update({"_id": lead_id}, {"status": status}, change)

    async def comment(self, lead_id: int, text: str, change: Document) -> CommentOut | None:
        moment, size = now(), len(text.encode())
        comment = {"id": await self._next_id("comments"), "text": text, "creator": change["by"], "created": moment}
        room = {"comments_count": {"$lt": MAX_COMMENTS}, "comments_bytes": {"$lt": MAX_COMMENT_BYTES - size + 1}}
        result = await self._leads.update_one(
            {"_id": lead_id} | room,
            {
                "$push": {"comments": comment},
                "$set": touch(moment, change),
                "$inc": {"version": 1, "comments_count": 1, "comments_bytes": size},
            },
        )
        if result.matched_count == 0:
            if await self._leads.find_one({"_id": lead_id}, {"_id": 1}):
                raise Invalid("comment", "No more comments fit here. Please delete one first.")
            return None
        creator = (await self._catalog.fresh()).people[comment["creator"]]
        return CommentOut(id=comment["id"], text=text, creator=creator, dates=CreatedOut(created=timestamp(moment)))

    async def convert(self, lead_id: int, wish: ConvertInput, change: Document) -> ClientOut | None:
        ids = {kind: await self._next_id(kind) for kind in ("clients", "users")}

        async def work(session: AsyncClientSession) -> Document | None:
            lead = await self._unconverted(lead_id, session)
            return await self._convert(lead, wish, ids, change, session) if lead else None

        try:
            async with self._database.client.start_session() as session:
                client = await session.with_transaction(work, ReadConcern("snapshot"))
        except DuplicateKeyError:
            await self._unconverted(lead_id, None)
            raise Invalid("email", "The email has already been taken.") from None
        return client_out(client, await self._catalog.fresh()) if client else None

    async def _convert(
        self, lead: Document, wish: ConvertInput, ids: dict[str, int], change: Document, session: AsyncClientSession
    ) -> Document:
        moment, email = now(), folded(wish.email)
        dates = {"created": moment, "updated": moment}
        name = f"{wish.first_name} {wish.last_name}"
        company = wish.client_company_name or lead["contact"]["company_name"] or name
        user = {
            "_id": ids["users"], "type": "client", "first_name": wish.first_name, "last_name": wish.last_name,
            "email": wish.email, "folded": email, "status": "active", "client_id": ids["clients"],
            "account_owner": True, "deleted": False, "dates": dates,
        }  # fmt: skip
        client = {
            "_id": ids["clients"],
            "company_name": company,
            "description": None,
            "status": "active",
            "phone": lead["contact"]["phone"],
            "website": lead["contact"]["website"],
            "vat": None,
            "category": CLIENT_CATEGORY,
            "owner": {"id": ids["users"], "name": name, "email": wish.email, "folded_email": email},
            "billing": {**lead["address"], "invoice_due_days": wish.client_billing_invoice_due_days},
            "shipping": dict.fromkeys(lead["address"]),
            "dates": dates,
            "tags": [],
            "created_from_lead_id": lead["_id"],
            "search": pieces(company, name, wish.email),
        }
        marked = {
            "converted": {"is_converted": True, "client_id": client["_id"], "date": moment},
            "status": CONVERTED,
        } | touch(moment, change)
        await self._database["users"].insert_one(user, session=session)
        await self._database["clients"].insert_one(client, session=session)
        await self._leads.update_one(
            {"_id": lead["_id"], "converted.is_converted": False},
            {"$set": marked, "$inc": {"version": 1}},
            session=session,
        )
        return client

    async def _unconverted(self, lead_id: int, session: AsyncClientSession | None) -> Document | None:
        lead = await self._leads.find_one({"_id": lead_id}, WHOLE, session=session)
        if lead and lead["converted"]["is_converted"]:
            message = "This lead has already been converted to a client."
            raise HTTPException(409, {"message": message, "client_id": lead["converted"]["client_id"]})
        return lead

    async def _update(self, wanted: Document, values: Document, change: Document) -> LeadOut | None:
        update = {"$set": values | touch(now(), change), "$inc": {"version": 1}}
        return await self._shown(
            await self._leads.find_one_and_update(wanted, update, WHOLE, return_document=ReturnDocument.AFTER)
        )

    async def _shown(self, document: Document | None) -> LeadOut | None:
        return lead_out(document, await self._catalog.fresh()) if document else None

    async def _next_id(self, kind: str) -> int:
        counter: Any = await self._database["counters"].find_one_and_update(
            {"_id": kind}, {"$inc": {"last": 1}}, return_document=ReturnDocument.AFTER
        )
        last: int = counter["last"]
        return last


@asynccontextmanager
async def connect() -> AsyncIterator[tuple[AsyncDatabase[Document], Callable[[Catalog], LeadStore]]]:
    async with AsyncMongoClient[Document](MONGODB_URI, tz_aware=True, w="majority") as client:
        database = client[MONGODB_DATABASE]
        yield database, lambda catalog: LeadStore(database, catalog)


app = create_app(connect)
