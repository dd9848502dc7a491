"""The collections as Beanie's documents. Their ids are not the ObjectId that Beanie's types say."""

from datetime import datetime
from typing import Any, Literal

from beanie import Document
from pydantic import BaseModel, Field

from bench.peers.schemas import Address, Contact


class Converted(BaseModel):
    is_converted: bool = False
    client_id: int | None = None
    date: datetime | None = None


class Dates(BaseModel):
    created: datetime
    updated: datetime


class Comment(BaseModel):
    id: int
    text: str
    creator: int
    created: datetime


class Folded(BaseModel):
    title: str | None = None
    company: str | None = None
    email: str | None = None
    source: str | None = None
    tags: list[str] = []


class LeadFields(BaseModel):
    """What a lead is shown from."""

    title: str
    value: int | None = None
    status: int
    active_state: Literal["active", "archived"] = "active"
    category: int
    source: str | None = None
    last_contacted: str | None = None
    description: str | None = None
    contact: Contact
    address: Address
    converted: Converted = Converted()
    assigned: list[int] = []
    tags: list[str] = []
    custom: dict[str, Any] = {}
    comments_count: int = 0
    comments_bytes: int = 0
    version: int = 1
    dates: Dates


class LeadView(LeadFields):
    """A lead without its comments, and without what only queries look at."""

    id: int = Field(alias="_id")


class Lead(LeadFields, Document):
    id: int  # type: ignore[assignment]
    comments: list[Comment] = []
    folded: Folded = Folded()
    search: list[str] = []
    change: dict[str, Any] | None = None

    class Settings:
        name = "leads"


class User(Document):
    id: int  # type: ignore[assignment]
    type: Literal["team", "client"]
    first_name: str
    last_name: str
    email: str
    folded: str
    status: str = "active"
    client_id: int
    account_owner: bool = True
    deleted: bool = False
    dates: Dates

    class Settings:
        name = "users"


class Owner(BaseModel):
    id: int
    name: str
    email: str
    folded_email: str


class BillingAddress(Address):
    invoice_due_days: int | None = None


class Client(Document):
    id: int  # type: ignore[assignment]
    company_name: str
    description: str | None = None
    status: Literal["active", "suspended"] = "active"
    phone: str | None
    website: str | None
    vat: str | None = None
    category: int
    owner: Owner
    billing: BillingAddress
    shipping: Address = Address()
    dates: Dates
    tags: list[str] = []
    created_from_lead_id: int
    search: list[str]

    class Settings:
        name = "clients"


class Counter(Document):
    id: str  # type: ignore[assignment]
    last: int

    class Settings:
        name = "counters"
