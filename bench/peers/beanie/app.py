"""Leads kept with Beanie."""

# Beanie's operators have no types.
# mypy: allow-untyped-calls

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from beanie import SortDirection, UpdateResponse, init_beanie
from beanie.operators import Inc, Push, Set
from fastapi import HTTPException
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from bench.peers.beanie.answers import client_out, lead_out
from bench.peers.beanie.documents import (
    BillingAddress,
    Client,
    Comment,
    Counter,
    Dates,
    Lead,
    LeadView,
    Owner,
    User,
)
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
    nested,
    now,
    pieces,
    touch,
)
from bench.peers.routes import create_app
from bench.peers.schemas import (
    ClientOut,
    CommentOut,
    ConvertInput,
    CreatedOut,
    LeadChanges,
    LeadInput,
    LeadOut,
    LeadQuery,
    timestamp,
)
from bench.peers.web import MONGODB_DATABASE, MONGODB_URI, Invalid


class LeadStore:
    def __init__(self, client: AsyncMongoClient[dict[str, Any]], catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog
        self._counts = Counts(Lead.get_pymongo_collection())

    async def get(self, lead_id: int) -> LeadOut | None:
        lead = await Lead.find_one(Lead.id == lead_id, projection_model=LeadView)
        return lead_out(lead.id, lead, await self._catalog.fresh()) if lead else None

    async def page(self, query: LeadQuery) -> tuple[list[LeadOut], int]:
        wanted = filter_of(query.status, query.search)
        total = await self._counts.of(wanted)
        skip = (query.page - 1) * query.limit
        if skip >= total:
            return [], total
        direction = SortDirection.ASCENDING if query.order == "asc" else SortDirection.DESCENDING
        order = [(SORTS[query.sort], direction), ("_id", direction)]
        leads = await Lead.find(wanted, projection_model=LeadView, sort=order, skip=skip, limit=query.limit).to_list()
        settings = await self._catalog.fresh()
        return [lead_out(lead.id, lead, settings) for lead in leads], total

    async def create(self, lead: LeadInput, change: dict[str, Any]) -> LeadOut:
        tree, moment = nested(assignments(lead)), now()
        written = Lead(
            id=await self._next_id("leads"),
            dates=Dates(created=moment, updated=moment),
            search=pieces(lead.lead_title, lead.lead_company_name, lead.lead_email),
            change=change,
            **tree,
        )
        await written.insert()
        return lead_out(written.id, written, await self._catalog.fresh())

    async def change(self, lead_id: int, changes: LeadChanges, change: dict[str, Any]) -> LeadOut | None:
        values = assignments(changes)
        if not any(path in values for path in SEARCHED):
            return await self._update({"_id": lead_id}, values, change)
        while before := await Lead.find_one(Lead.id == lead_id, projection_model=LeadView):
            texts = [before.title, before.contact.company_name, before.contact.email]
            search = pieces(*(values.get(path, text) for path, text in zip(SEARCHED, texts, strict=True)))
            wanted = {"_id": lead_id, "version": before.version}
            if after := await self._update(wanted, values | {"search": search}, change):
                return after
        return None

    async def set_status(self, lead_id: int, status: int, change: dict[str, Any]) -> LeadOut | None:
        return await self._update({"_id": lead_id}, {"status": status}, change)

    async def comment(self, lead_id: int, text: str, change: dict[str, Any]) -> CommentOut | None:
        size = len(text.encode())
        comment = Comment(id=await self._next_id("comments"), text=text, creator=change["by"], created=now())
        # One mapping, not three expressions: Beanie joins those with $and, which some servers do not look into.
        room = {"comments_count": {"$lt": MAX_COMMENTS}, "comments_bytes": {"$lt": MAX_COMMENT_BYTES - size + 1}}
        result: Any = await Lead.find_one({"_id": lead_id} | room).update(
            Push({"comments": comment}),
            Set(touch(comment.created, change)),
            Inc({"version": 1, "comments_count": 1, "comments_bytes": size}),
        )
        if result.matched_count == 0:
            if await Lead.find_one(Lead.id == lead_id).exists():
                raise Invalid("comment", "No more comments fit here. Please delete one first.")
            return None
        creator = (await self._catalog.fresh()).people[comment.creator]
        dates = CreatedOut(created=timestamp(comment.created))
        return CommentOut(id=comment.id, text=text, creator=creator, dates=dates)

    async def convert(self, lead_id: int, wish: ConvertInput, change: dict[str, Any]) -> ClientOut | None:
        ids = {kind: await self._next_id(kind) for kind in ("clients", "users")}

        async def work(session: AsyncClientSession) -> Client | None:
            lead = await self._unconverted(lead_id, session)
            return await self._convert(lead, wish, ids, change, session) if lead else None

        try:
            async with self._client.start_session() as session:
                client = await session.with_transaction(work, ReadConcern("snapshot"))
        except DuplicateKeyError:
            await self._unconverted(lead_id, None)
            raise Invalid("email", "The email has already been taken.") from None
        return client_out(client, await self._catalog.fresh()) if client else None

    async def _convert(
        self, lead: LeadView, wish: ConvertInput, ids: dict[str, int], change: dict[str, Any],
        session: AsyncClientSession,
    ) -> Client:  # fmt: skip
        moment = now()
        dates = Dates(created=moment, updated=moment)
        name, email = f"{wish.first_name} {wish.last_name}", wish.email.casefold()
        company = wish.client_company_name or lead.contact.company_name or name
        due_days = wish.client_billing_invoice_due_days
        client = Client(
            id=ids["clients"],
            company_name=company,
            phone=lead.contact.phone,
            website=lead.contact.website,
            category=CLIENT_CATEGORY,
            owner=Owner(id=ids["users"], name=name, email=wish.email, folded_email=email),
            billing=BillingAddress(**lead.address.model_dump(), invoice_due_days=due_days),
            dates=dates,
            created_from_lead_id=lead.id,
            search=pieces(company, name, wish.email),
        )
        user = User(
            id=ids["users"], type="client", first_name=wish.first_name, last_name=wish.last_name, email=wish.email,
            folded=email, client_id=client.id, dates=dates,
        )  # fmt: skip
        converted = {"is_converted": True, "client_id": client.id, "date": moment}
        await user.insert(session=session)
        await client.insert(session=session)
        await Lead.find_one({"_id": lead.id, "converted.is_converted": False}, session=session).update(
            Set({"converted": converted, "status": CONVERTED} | touch(moment, change)),
            Inc({"version": 1}),
            session=session,
        )
        return client

    async def _unconverted(self, lead_id: int, session: AsyncClientSession | None) -> LeadView | None:
        lead = await Lead.find_one(Lead.id == lead_id, projection_model=LeadView, session=session)
        if lead and lead.converted.is_converted:
            message = "This lead has already been converted to a client."
            raise HTTPException(409, {"message": message, "client_id": lead.converted.client_id})
        return lead

    async def _update(self, wanted: dict[str, Any], values: dict[str, Any], change: dict[str, Any]) -> LeadOut | None:
        lead: Any = await Lead.find_one(wanted).update(
            Set(values | touch(now(), change)),
            Inc({"version": 1}),
            response_type=UpdateResponse.NEW_DOCUMENT,
            projection=WHOLE,
        )
        return lead_out(lead.id, lead, await self._catalog.fresh()) if lead else None

    async def _next_id(self, kind: str) -> int:
        counter: Any = await Counter.find_one(Counter.id == kind).update(
            Inc({"last": 1}), response_type=UpdateResponse.NEW_DOCUMENT
        )
        last: int = counter.last
        return last


@asynccontextmanager
async def connect() -> AsyncIterator[tuple[AsyncDatabase[dict[str, Any]], Callable[[Catalog], LeadStore]]]:
    async with AsyncMongoClient[dict[str, Any]](MONGODB_URI, tz_aware=True, w="majority") as client:
        database = client[MONGODB_DATABASE]
        await init_beanie(database, document_models=[Lead, User, Client, Counter])
        yield database, lambda catalog: LeadStore(client, catalog)


app = create_app(connect)
