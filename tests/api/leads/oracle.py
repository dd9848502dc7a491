"""What leads must show after what was done to them: the contract's section 3, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.client import Json

CONTACT = {
    "lead_firstname": "first_name",
    "lead_lastname": "last_name",
    "lead_email": "email",
    "lead_phone": "phone",
    "lead_company_name": "company_name",
    "lead_website": "website",
}
ADDRESS = {"lead_city": "city", "lead_country": "country"}
OTHER = {
    "lead_title": "title",
    "lead_value": "value",
    "lead_last_contacted": "last_contacted",
    "lead_description": "description",
    "lead_source": "source",
}
CONVERTED = 2


@dataclass
class Lead:
    """A lead as it must be."""

    id: int
    title: str = ""
    value: str | None = None
    status: int = 1
    active_state: str = "active"
    source: str | None = None
    last_contacted: str | None = None
    description: str | None = None
    contact: dict[str, str | None] = field(default_factory=dict)
    address: dict[str, str | None] = field(default_factory=dict)
    client: int | None = None
    assigned: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    version: int = 1
    updated: str = ""

    def set(self, body: Json) -> None:
        """Set the fields that a body sends."""
        for name, value in body.items():
            if name == "lead_status":
                self.status = value
            elif name in CONTACT:
                self.contact[CONTACT[name]] = value
            elif name in ADDRESS:
                self.address[ADDRESS[name]] = value
            elif name in OTHER:
                setattr(self, OTHER[name], cents(value) if name == "lead_value" else value)

    def replace(self, body: Json) -> None:
        """Set every field of Create; what a body does not send is null."""
        self.set(dict.fromkeys([*CONTACT, *ADDRESS, *OTHER]) | body)

    def clone(self, number: int, body: Json) -> "Lead":
        copy = Lead(
            number, value=self.value, source=self.source, description=self.description,
            contact=dict(self.contact), address=dict(self.address),
        )  # fmt: skip
        copy.set(body)
        if body.get("copy_checklist") == "on":
            copy.items = list(self.items)
        return copy

    def merge(self, others: list["Lead"]) -> None:
        """Take what others have; they are gone then."""
        for other in others:
            for own, theirs in ((self.contact, other.contact), (self.address, other.address)):
                own.update({name: value for name, value in theirs.items() if own.get(name) is None})
            for name in ("value", "source", "last_contacted", "description"):
                if getattr(self, name) is None:
                    setattr(self, name, getattr(other, name))
            self.tag([*self.tags, *other.tags])
            self.assigned = list(dict.fromkeys([*self.assigned, *other.assigned]))
            self.comments = sorted([*self.comments, *other.comments])
            self.items += other.items

    def tag(self, tags: list[str]) -> None:
        """Replace the tags; of those that differ in case only, the first is kept."""
        distinct: dict[str, str] = {}
        for tag in tags:
            distinct.setdefault(tag.casefold(), tag)
        self.tags = list(distinct.values())

    def is_found_by(self, filters: Json) -> bool:
        """Whether a list with these filters has the lead."""
        texts = " ".join(filter(None, [self.title, self.contact.get("company_name"), self.contact.get("email")]))
        found: dict[str, Callable[[Any], bool]] = {
            "status": lambda value: self.status == value,
            "active_state": lambda value: self.active_state == value,
            "converted": lambda value: (self.client is not None) == (value == "yes"),
            "tag": lambda value: value.casefold() in [tag.casefold() for tag in self.tags],
            "email": lambda value: (self.contact.get("email") or "").lower() == value.lower(),
            "assigned_user_id": lambda value: value in self.assigned,
            "search": lambda value: value.casefold() in texts.casefold(),
            "source": lambda value: self.source == value,
        }
        return all(found[name](value) for name, value in filters.items())

    def shown(self, statuses: dict[int, Json], members: dict[int, str]) -> Json:
        """Return what callers see, dates aside."""
        status = statuses[self.status]
        return {
            "id": self.id,
            "title": self.title,
            "value": self.value,
            "status": {name: status[name] for name in ("id", "title", "color")},
            "active_state": self.active_state,
            "source": self.source,
            "last_contacted": self.last_contacted,
            "description": self.description,
            "contact": dict.fromkeys([*CONTACT.values(), "job_position"]) | self.contact,
            "address": dict.fromkeys(["street", "city", "state", "zip", "country"]) | self.address,
            "assigned": [{"id": member, "name": members[member]} for member in members if member in self.assigned],
            "tags": self.tags,
            "comments_count": len(self.comments),
            "version": self.version,
        }


def cents(value: Any) -> str | None:
    """Return an amount of the model's inputs as it is shown."""
    return None if value is None else {"2500": "2500.00", "0.005": "0.01", "99999999.99": "99999999.99"}[value]
