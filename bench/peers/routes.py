"""The routes of the FastAPI peers, which differ in how they keep leads."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response

from bench.peers.catalog import Catalog
from bench.peers.schemas import (
    Answer,
    ClientOut,
    CommentInput,
    CommentOut,
    ConvertInput,
    LeadChanges,
    LeadInput,
    LeadOut,
    LeadQuery,
    Page,
    PageMeta,
    StatusChoice,
)
from bench.peers.web import Caller, Keys, RequestId, add_handlers, authenticated

T = TypeVar("T")


class Store(Protocol):
    """What a peer does with its driver. Where there is no such lead, it answers None."""

    async def get(self, lead_id: int) -> LeadOut | None: ...
    async def page(self, query: LeadQuery) -> tuple[list[LeadOut], int]: ...
    async def create(self, lead: LeadInput, change: dict[str, Any]) -> LeadOut: ...
    async def change(self, lead_id: int, changes: LeadChanges, change: dict[str, Any]) -> LeadOut | None: ...
    async def set_status(self, lead_id: int, status: int, change: dict[str, Any]) -> LeadOut | None: ...
    async def comment(self, lead_id: int, text: str, change: dict[str, Any]) -> CommentOut | None: ...
    async def convert(self, lead_id: int, wish: ConvertInput, change: dict[str, Any]) -> ClientOut | None: ...


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _change(request: Request, user: Caller) -> Callable[[str], dict[str, Any]]:
    """Return how a write is noted in the lead."""
    return lambda event: {"type": event, "by": user, "request_id": request.state.request_id}


def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


Leads = Annotated[Store, Depends(_store)]
Change = Annotated[Callable[[str], dict[str, Any]], Depends(_change)]
Settings = Annotated[Catalog, Depends(_catalog)]

router = APIRouter(prefix="/api/leads", dependencies=[Depends(authenticated)])


def found(record: T | None) -> T:
    if record is None:
        raise HTTPException(404, "Lead not found.")
    return record


@router.get("")
async def index(query: Annotated[LeadQuery, Query()], leads: Leads) -> Page[LeadOut]:
    limit = min(query.limit, 100)
    records, total = await leads.page(query.model_copy(update={"limit": limit}))
    meta = PageMeta(current_page=query.page, per_page=limit, total=total, last_page=max(1, -(-total // limit)))
    return Page(data=records, meta=meta, message="Leads retrieved successfully.")


@router.post("", status_code=201)
async def create(
    payload: LeadInput, leads: Leads, settings: Settings, change: Change, response: Response
) -> Answer[LeadOut]:
    await settings.check(lead_status=payload.lead_status, lead_categoryid=payload.lead_categoryid)
    lead = await leads.create(payload, change("created"))
    response.headers["Location"] = f"/api/leads/{lead.id}"
    return Answer(data=lead, message="Lead created successfully.")


@router.get("/{lead_id}")
async def show(lead_id: int, leads: Leads) -> Answer[LeadOut]:
    return Answer(data=found(await leads.get(lead_id)), message="Lead retrieved successfully.")


@router.patch("/{lead_id}")
async def update(
    lead_id: int, payload: LeadChanges, leads: Leads, settings: Settings, change: Change
) -> Answer[LeadOut]:
    chosen = payload.model_dump(include={"lead_status", "lead_categoryid"}, exclude_unset=True)
    await settings.check(**chosen)
    lead = found(await leads.change(lead_id, payload, change("updated")))
    return Answer(data=lead, message="Lead updated successfully.")


@router.put("/{lead_id}/status")
async def set_status(
    lead_id: int, payload: StatusChoice, leads: Leads, settings: Settings, change: Change
) -> Answer[LeadOut]:
    await settings.check(status=payload.status)
    lead = found(await leads.set_status(lead_id, payload.status, change("status_changed")))
    return Answer(data=lead, message="Lead status updated successfully.")


@router.post("/{lead_id}/comments", status_code=201)
async def comment(
    lead_id: int, payload: CommentInput, leads: Leads, change: Change, response: Response
) -> Answer[CommentOut]:
    written = found(await leads.comment(lead_id, payload.comment, change("comment_added")))
    response.headers["Location"] = f"/api/leads/{lead_id}/comments"
    return Answer(data=written, message="Lead comment added successfully.")


@router.post("/{lead_id}/convert", status_code=201)
async def convert(
    lead_id: int, payload: ConvertInput, leads: Leads, change: Change, response: Response
) -> Answer[ClientOut]:
    client = found(await leads.convert(lead_id, payload, change("converted")))
    response.headers["Location"] = f"/api/clients/{client.id}"
    return Answer(data=client, message="Lead converted to client successfully.")


Connect = Callable[[], AbstractAsyncContextManager[tuple[Any, Callable[[Catalog], Store]]]]
"""Opens a peer's way to the database: the database itself, and what makes the store."""


def create_app(connect: Connect) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connect() as (database, make_store):
            app.state.catalog = await Catalog(database).fresh()
            app.state.keys = Keys(database["keys"])
            app.state.store = make_store(app.state.catalog)
            yield

    app = FastAPI(title="Leads", lifespan=lifespan)
    app.add_middleware(RequestId)
    app.include_router(router)
    add_handlers(app)
    return app
