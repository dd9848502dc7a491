"""The client as callers see it, and as a document."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from leads_api.catalog.cache import Snapshot
from leads_api.catalog.model import NameShown
from leads_api.clock import Timestamp, shown_time
from leads_api.mongo.client import Document


class Shipping(Struct, frozen=True, gc=False):
    """Where goods go."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None


class Billing(Shipping, frozen=True, gc=False):
    """Where invoices go, and when they are due."""

    invoice_due_days: Annotated[str | None, Meta(examples=["7"])] = None


class ClientDates(Struct, frozen=True, gc=False):
    """When the client was made, and last changed."""

    created: Timestamp
    updated: Timestamp


class Client(Struct, frozen=True, gc=False):
    """A client."""

    id: int
    company_name: str
    description: str | None
    status: Literal["active", "suspended"]
    phone: str | None
    website: str | None
    vat: str | None
    category: NameShown
    owner: NameShown
    billing: Billing
    shipping: Shipping
    dates: ClientDates
    tags: list[str]
    created_from_lead_id: int


def client_of(document: Document, settings: Snapshot) -> Client:
    """Return a client as callers see it. The settings must know its category."""
    category = settings.categories[document["category"]]
    days = document["billing"]["invoice_due_days"]
    return Client(
        id=document["_id"],
        company_name=document["company_name"],
        description=document["description"],
        status=document["status"],
        phone=document["phone"],
        website=document["website"],
        vat=document["vat"],
        category=NameShown(category["_id"], category["name"]),
        owner=NameShown(document["owner"]["id"], document["owner"]["name"]),
        billing=Billing(**document["billing"] | {"invoice_due_days": None if days is None else str(days)}),
        shipping=Shipping(**document["shipping"]),
        dates=ClientDates(shown_time(document["dates"]["created"]), shown_time(document["dates"]["updated"])),
        tags=document["tags"],
        created_from_lead_id=document["created_from_lead_id"],
    )
