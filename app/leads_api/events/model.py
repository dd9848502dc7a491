"""The event as callers see it, and its conversion from the stored document."""

from typing import Annotated, Literal, cast

from msgspec import Meta, Raw, Struct

from leads_api.catalog.cache import Snapshot
from leads_api.catalog.model import NameShown
from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.leads.model import Lead
from leads_api.mongo.client import Document

EventType = Literal[
    "lead.created",
    "lead.updated",
    "lead.deleted",
    "lead.status_changed",
    "lead.assigned",
    "lead.tagged",
    "lead.archived",
    "lead.activated",
    "lead.converted",
    "lead.cloned",
    "lead.merged",
    "lead.comment_added",
    "lead.comment_deleted",
    "feed.gap",
]
DELETED: EventType = "lead.deleted"
GAP: EventType = "feed.gap"


class EventData(Struct, frozen=True, gc=False):
    """What has happened. Every field is null, and `changed` empty, in a `feed.gap`."""

    lead_id: int | None
    version: Annotated[
        int | None, Meta(description="The version that the change made. A deletion has the one after the lead's last.")
    ]
    changed: Annotated[
        list[str],
        Meta(
            description=(
                "The fields of the lead that were changed, such as `status`, `contact.phone` or `custom_fields.colour`."
                " Empty for a lead that is new or deleted, and for a change that changed nothing."
            )
        ),
    ]
    actor: Annotated[NameShown | None, Meta(description="The team user who did it; null if that is not known.")]
    request_id: Annotated[str | None, Meta(description="The `X-Request-ID` of the request that did it.")]
    lead: Annotated[
        Lead | None,
        Meta(
            description=(
                "The lead when the event was recorded, shortly after the change: as it was after this change, or after"
                " a later one. Null if the lead was deleted by then, or has more than 8 MiB."
            )
        ),
    ]


class Event(Struct, frozen=True, gc=False):
    """One committed change of a lead; or a `feed.gap`, where changes may be missing."""

    id: Annotated[int, Meta(description="Ids increase. Those of one lead are in the order of its versions.")]
    type: EventType
    timestamp: Annotated[Timestamp, Meta(description="When the change was committed.")]
    data: EventData


def event_of(document: Document, settings: Snapshot) -> Event:
    """Return an event as callers see it. Its actor has the present name; the lead is as it was recorded.

    Raises KeyError if the settings do not contain the actor.
    """
    get = document.get
    by, lead = get("actor"), get("lead")
    return Event(
        document["_id"],
        document["type"],
        shown_time(get("at") or UNKNOWN),
        EventData(
            get("lead_id"),
            get("version"),
            get("changed") or [],
            None if by is None else NameShown(by, settings.people[by]["name"]),
            get("request_id"),
            None if lead is None else cast("Lead", Raw(lead)),
        ),
    )
