"""The endpoints that read clients (contract, section 4)."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import FromPath
from msgspec import Meta

from leads_api.clients.model import Client
from leads_api.clients.store import ClientNotFound, ClientStore
from leads_api.http.endpoint import Part, Query
from leads_api.http.envelope import Answer, Page, failures
from leads_api.validation.fields import Email, Words
from leads_api.validation.paging import Paging


class ClientQuery(Paging, frozen=True, kw_only=True):
    """Filters of the list of clients."""

    email: Annotated[Email, Meta(description="The whole e-mail of the owner, in any case.")] | None = None
    search: (
        Annotated[
            Words, Meta(description="Every word must occur in the company name, or in the name or e-mail of the owner.")
        ]
        | None
    ) = None


class ClientController(Controller):
    """Clients, which conversion creates."""

    path = "/clients"
    tags = ("Clients",)

    @get(summary="List clients", description="Newest first.")
    async def index(self, params: Query[ClientQuery], clients: Part[ClientStore]) -> Page[Client]:
        found, total = await clients.page(params, email=params.email, search=params.search)
        return Page(found, params.meta(total), "Clients retrieved successfully.")

    @get("/{client_id:int}", summary="Get a client", responses=failures(ClientNotFound()))
    async def show(self, client_id: FromPath[int], clients: Part[ClientStore]) -> Answer[Client]:
        return Answer(await clients.get(client_id), "Client retrieved successfully.")
