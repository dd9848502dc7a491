"""The settings as callers see them, and their documents."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from leads_api.folding import caseless, caseless_email
from leads_api.mongo.client import Document
from leads_api.users import store as users
from leads_api.users.store import full_name

Datatype = Literal["text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown"]
CategoryType = Literal["lead", "client"]
MemberStatus = Literal["active", "suspended"]

SCHEMA_VERSION = 3
"""The schema version of new settings, and of the document with their revision."""

NEW, CONVERTED = 1, 2
LEAD_CATEGORY, CLIENT_CATEGORY = 3, 2
ADMIN = 1


class LeadStatus(Struct, frozen=True, gc=False):
    """A stage that a lead can be in."""

    id: int
    title: str
    color: str
    position: int
    is_system: Annotated[bool, Meta(description="Required by the service: it cannot be deleted.")]


class Category(Struct, frozen=True, gc=False):
    """A category for leads or for clients."""

    id: int
    name: str
    type: CategoryType
    is_default: bool


class TeamMember(Struct, frozen=True, gc=False):
    """A person who works on leads."""

    id: int
    first_name: str
    last_name: str
    name: Annotated[str, Meta(description="First and last name.")]
    email: str
    status: MemberStatus


class CustomField(Struct, frozen=True, gc=False):
    """A field that leads have besides their own."""

    id: int
    name: Annotated[str, Meta(description="Name of the field in requests and in `custom_fields` of a lead.")]
    title: str
    type: Literal["leads"]
    datatype: Datatype
    options: Annotated[list[str], Meta(description="Options of a dropdown.")]
    is_required: Annotated[
        bool, Meta(description="Required in requests if the field is enabled and on the standard form.")
    ]
    is_enabled: bool
    on_standard_form: bool
    position: int


class NameShown(Struct, frozen=True, gc=False):
    """A category, or a person, by name."""

    id: int
    name: str


class Kind(Struct, frozen=True):
    """What the store needs to know about one of the four kinds of settings."""

    noun: str
    collection: str
    shown: Callable[[Document], Any]
    unique: str
    """The field that must be unique, ignoring case."""
    folded: Callable[[Document], str]
    """Returns the form of a document's unique value in which it is compared."""
    fixed: dict[str, Any] = {}
    """Fields with the same value in all documents of the kind, if the collection has other documents as well."""
    positioned: bool = False
    schema_version: int = SCHEMA_VERSION
    defaults: dict[str, Any] = {}
    """Default values for fields that a document of another version lacks."""

    def read(self, document: Document) -> Document:
        """Return a document completed with the defaults, also where it has null."""
        return {**document, **{name: value for name, value in self._all.items() if document.get(name) is None}}

    @property
    def _all(self) -> dict[str, Any]:
        return {"deleted": False, **self.defaults}


def _status(document: Document) -> LeadStatus:
    return LeadStatus(
        document["_id"], document["title"], document["color"], document["position"], document["is_system"]
    )


def _category(document: Document) -> Category:
    return Category(document["_id"], document["name"], document["type"], document["is_default"])


def _member(document: Document) -> TeamMember:
    return TeamMember(
        document["_id"], document["first_name"], document["last_name"], full_name(document), document["email"],
        document["status"],
    )  # fmt: skip


def _custom_field(document: Document) -> CustomField:
    return CustomField(
        document["_id"], document["name"], document["title"], "leads", document["datatype"], document["options"],
        document["is_required"], document["is_enabled"], document["on_standard_form"], document["position"],
    )  # fmt: skip


STATUSES = Kind(
    "Lead status", "lead_statuses", _status,
    "title", lambda document: caseless(document["title"]), positioned=True,
    defaults={"title": "", "color": "default", "position": 0, "is_system": False},
)  # fmt: skip
CATEGORIES = Kind(
    "Category", "categories", _category,
    "name", lambda document: f"{document['type']} {caseless(document['name'])}",
    defaults={"name": "", "type": "lead", "is_default": False},
)  # fmt: skip
TEAM = Kind(
    "Team member", "users", _member,
    "email", lambda document: caseless_email(document["email"]), fixed={"type": "team"},
    schema_version=users.SCHEMA_VERSION,
    defaults={"first_name": "", "last_name": "", "email": "", "status": "active"},
)  # fmt: skip
CUSTOM_FIELDS = Kind(
    "Custom field", "custom_fields", _custom_field,
    "name", lambda document: document["name"], positioned=True,
    defaults={
        "name": "", "title": "", "datatype": "text", "options": [], "is_required": False, "is_enabled": True,
        "on_standard_form": True, "position": 0,
    },
)  # fmt: skip
