"""The lead as callers see it, the lead as MongoDB stores it, and the conversions between the two."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from leads_api.catalog import custom_fields
from leads_api.catalog.cache import Catalog, Snapshot
from leads_api.catalog.model import LEAD_CATEGORY, NEW, NameShown
from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.folding import composed
from leads_api.http.preconditions import entity_tag
from leads_api.leads.folded import folded
from leads_api.mongo.client import Document
from leads_api.mongo.substrings import pieces
from leads_api.users.store import PENDING_CLEANUP
from leads_api.validation.values import shown_cents

ActiveState = Literal["active", "archived"]

SCHEMA_VERSION = 3
"""The schema version of new documents. Documents of all other versions can be read as well."""


class StatusShown(Struct, frozen=True, gc=False):
    """The stage that a lead is in."""

    id: int
    title: str
    color: str


class Contact(Struct, frozen=True, gc=False):
    """Whom to talk to."""

    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    job_position: str | None
    company_name: str | None
    website: str | None


class Address(Struct, frozen=True, gc=False):
    """Where they are."""

    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    country: str | None


class Conversion(Struct, frozen=True, gc=False):
    """Whether the lead has become a client."""

    is_converted: bool
    client_id: int | None
    date: Timestamp | None


class Dates(Struct, frozen=True, gc=False):
    """When the record was made, and when it was last changed."""

    created: Timestamp
    updated: Timestamp


class Lead(Struct, frozen=True, gc=False):
    """A lead. All keys are always present, null where empty."""

    id: int
    title: str
    value: Annotated[str | None, Meta(examples=["2500.00"], description="Money, with two decimals.")]
    status: StatusShown
    active_state: ActiveState
    category: NameShown
    source: str | None
    last_contacted: Annotated[str, Meta(extra_json_schema={"format": "date"})] | None
    description: str | None
    contact: Contact
    address: Address
    converted: Conversion
    assigned: Annotated[list[NameShown], Meta(description="Ordered by first name, last name and id.")]
    tags: list[str]
    dates: Dates
    custom_fields: Annotated[dict[str, int | str | None], Meta(description="Every enabled custom field by its name.")]
    comments_count: int
    version: Annotated[int, Meta(description="Every change of the lead raises it.")]
    external_id: Annotated[str | None, Meta(description="What another system calls the lead; unique among leads.")]


class ShownLead(Struct, frozen=True, gc=False):
    """A lead as callers see it, and its entity tag."""

    lead: Lead
    etag: str


EXTERNAL_ID, EXTERNAL_KEY = "external_id", "folded.external_id"
"""The paths of the external id, and of the form in which it is compared; without one, the latter is absent."""

FIELDS = {
    "lead_title": "title",
    "lead_status": "status",
    "lead_categoryid": "category",
    "lead_firstname": "contact.first_name",
    "lead_lastname": "contact.last_name",
    "lead_email": "contact.email",
    "lead_phone": "contact.phone",
    "lead_company_name": "contact.company_name",
    "lead_job_position": "contact.job_position",
    "lead_website": "contact.website",
    "lead_value": "value",
    "lead_source": "source",
    "lead_last_contacted": "last_contacted",
    "lead_description": "description",
    "lead_street": "address.street",
    "lead_city": "address.city",
    "lead_state": "address.state",
    "lead_zip": "address.zip",
    "lead_country": "address.country",
    "lead_external_id": EXTERNAL_ID,
}
"""The path in the document of each field of a request."""

_NOTHING: Document = {}
_NO_CONTACT: Document = dict.fromkeys(Contact.__struct_fields__)
_NO_ADDRESS: Document = dict.fromkeys(Address.__struct_fields__)

LONG = ("description", "custom", "tags")
"""The fields of a document, shown to callers, that may be long."""
SHORT = (
    "title", "value", "status", "active_state", "category", "source", "last_contacted", "contact", "address",
    "converted", "assigned", "dates", "comments_count", "version", "external_id", "folded.title",
)  # fmt: skip
"""The other fields that lists need; `folded.title` is the sort key of the title."""


def assignments(given: Mapping[str, Any], fields: list[Document]) -> dict[str, Any]:
    """Return the values that a request's fields set, by path in the document; with folded copies, without `search`."""
    values = {FIELDS[name]: value for name, value in given.items() if name in FIELDS}
    values |= folded(values)
    if (external_id := values.get(EXTERNAL_ID)) is not None:
        values[EXTERNAL_KEY] = composed(external_id)
    custom = custom_fields.stored(given.get("custom_fields", {}), fields)
    return values | {f"custom.{field}": value for field, value in custom.items()}


def external_key(document: Mapping[str, Any]) -> str | None:
    """Return the external id of a lead, or of values by path, in the form in which it is unique; None without one."""
    external_id = document.get(EXTERNAL_ID)
    return None if external_id is None else composed(external_id)


def new_document(lead_id: int, values: Mapping[str, Any], now: datetime, change: Document) -> Document:
    """Return the document of a new lead from values by path; all other paths are empty."""
    document: Document = {
        "_id": lead_id,
        "title": None,
        "value": None,
        "status": None,
        "active_state": "active",
        "category": None,
        "source": None,
        "last_contacted": None,
        "description": None,
        "contact": _NO_CONTACT.copy(),
        "address": _NO_ADDRESS.copy(),
        "converted": {"is_converted": False, "client_id": None, "date": None},
        "assigned": [],
        "tags": [],
        "custom": {},
        "comments": [],
        "comments_count": 0,
        "comments_bytes": 0,
        "version": 1,
        "external_id": None,
        "dates": {"created": now, "updated": now},
        "folded": {"title": None, "email": None, "source": None, "tags": []},
        "search": [],
        "change": change,
        "schema_version": SCHEMA_VERSION,
    }
    for path, value in values.items():
        outer, _, inner = path.partition(".")
        if inner:
            document[outer][inner] = value
        else:
            document[outer] = value
    document["search"] = pieces(document["title"], document["contact"]["company_name"], document["contact"]["email"])
    return document


def lead_of(document: Document, settings: Snapshot) -> Lead:
    """Return a lead as callers see it. Raises KeyError if the settings do not contain one of its ids.

    Fields that an earlier version did not write, or wrote as null, are empty. Fields that a later version has added are
    ignored.
    """
    get = document.get
    status = settings.statuses[get("status") or NEW]
    category = settings.categories[get("category") or LEAD_CATEGORY]
    value = get("value")
    contact = (get("contact") or _NOTHING).get
    address = (get("address") or _NOTHING).get
    converted = (get("converted") or _NOTHING).get
    converted_at = converted("date")
    dates = (get("dates") or _NOTHING).get
    created = dates("created") or UNKNOWN
    return Lead(
        document["_id"],
        get("title") or "",
        None if value is None else shown_cents(value),
        StatusShown(status["_id"], status["title"], status["color"]),
        get("active_state") or "active",
        NameShown(category["_id"], category["name"]),
        get("source"),
        get("last_contacted"),
        get("description"),
        Contact(
            contact("first_name"),
            contact("last_name"),
            contact("email"),
            contact("phone"),
            contact("job_position"),
            contact("company_name"),
            contact("website"),
        ),
        Address(address("street"), address("city"), address("state"), address("zip"), address("country")),
        Conversion(
            converted("is_converted") is True,
            converted("client_id"),
            None if converted_at is None else shown_time(converted_at),
        ),
        _people(get("assigned") or (), settings),
        get("tags") or [],
        Dates(shown_time(created), shown_time(dates("updated") or created)),
        custom_fields.shown(get("custom") or _NOTHING, settings.custom_fields),
        max(0, get("comments_count") or 0),
        get("version") or 1,
        get("external_id"),
    )


def shown_lead(document: Document, settings: Snapshot) -> ShownLead:
    """Return a lead and the entity tag of exactly what is shown. Raises KeyError like `lead_of`."""
    lead = lead_of(document, settings)
    return ShownLead(lead, entity_tag(lead.version, settings.revision))


async def leads_of(documents: Sequence[Document], catalog: Catalog) -> list[Lead]:
    """Return leads as callers see them."""
    return await catalog.show(lambda settings: [lead_of(document, settings) for document in documents])


def _people(ids: Iterable[int], settings: Snapshot) -> list[NameShown]:
    # A deleted user whose clean-up is pending is hidden. One that a race left in a lead after the clean-up is shown.
    people = [person for i in ids if not (person := settings.people[i]).get(PENDING_CLEANUP)]
    if len(people) > 1:
        people.sort(key=itemgetter("order"))
    return [NameShown(person["_id"], person["name"]) for person in people]
