"""The client as callers see it, and the conversion from its document."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from leads_api.catalog.cache import Snapshot
from leads_api.catalog.model import CLIENT_CATEGORY, NameShown
from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.mongo.client import Document


class Shipping(Struct, frozen=True, gc=False):
    """Where goods go."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None


PLACE = Shipping.__struct_fields__


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
    """Return a client as callers see it. Raises KeyError if the settings do not contain its category.

    Fields that an earlier version did not write, or wrote as null, are empty. Fields that a later version has added are
    ignored.
    """
    category = settings.categories[document.get("category") or CLIENT_CATEGORY]
    owner, billing, shipping = (document.get(part) or {} for part in ("owner", "billing", "shipping"))
    days = billing.get("invoice_due_days")
    dates = document.get("dates") or {}
    created = dates.get("created") or UNKNOWN
    return Client(
        id=document["_id"],
        company_name=document.get("company_name") or "",
        description=document.get("description"),
        status=document.get("status") or "active",
        phone=document.get("phone"),
        website=document.get("website"),
        vat=document.get("vat"),
        category=NameShown(category["_id"], category["name"]),
        owner=NameShown(owner.get("id") or 0, owner.get("name") or ""),
        billing=Billing(**_place(billing), invoice_due_days=None if days is None else str(days)),
        shipping=Shipping(**_place(shipping)),
        dates=ClientDates(shown_time(created), shown_time(dates.get("updated") or created)),
        tags=document.get("tags") or [],
        created_from_lead_id=document.get("created_from_lead_id") or 0,
    )


def _place(part: Document) -> dict[str, str | None]:
    return {field: part.get(field) for field in PLACE}
