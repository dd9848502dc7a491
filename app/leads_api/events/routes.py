"""The feed of events (contract, section 5, "Events")."""

from collections.abc import Sequence
from typing import Annotated

from litestar import Controller, get
from msgspec import Meta, Struct

from leads_api.events.model import Event, EventType
from leads_api.events.store import EventStore
from leads_api.http.endpoint import Part, Query
from leads_api.http.envelope import Done
from leads_api.validation.fields import Id, Limit
from leads_api.validation.paging import PerPage
from leads_api.validation.values import INT64_MAX

EventId = Annotated[int, Meta(ge=0, le=INT64_MAX)]


class EventQuery(Struct, frozen=True, kw_only=True):
    """Where to go on, and which events."""

    after: Annotated[
        EventId, Meta(description="Return the events behind this id. 0, the default, starts with the oldest.")
    ] = 0
    type: Annotated[EventType | None, Meta(description="Only events of this type, and each `feed.gap`.")] = None
    lead_id: Annotated[Id | None, Meta(description="Only events of this lead, and each `feed.gap`.")] = None
    limit: Limit = 25  # LEADS_DEFAULT_LIMIT replaces this default


class EventMeta(Struct, frozen=True, gc=False):
    """How to go on."""

    per_page: PerPage
    next_after: Annotated[
        int, Meta(ge=0, description="Pass it as `after` for the next events, now or later. Then you miss none.")
    ]


class EventPage(Struct, frozen=True, gc=False):
    """Some events, oldest first."""

    data: Annotated[Sequence[Event], Meta(description="The events, in the order of their ids.")]
    meta: Annotated[EventMeta, Meta(description="How to go on.")]
    message: Done


class EventController(Controller):
    """What has happened to leads."""

    path = "/events"
    tags = ("Events",)

    @get(
        summary="List events",
        description=(
            "One event for every committed change of a lead, oldest first. To follow all changes, pass `next_after` of"
            " each response as `after` of the next request; if the page is empty, ask again after some seconds. No"
            " event is left out in this way, also if you stop for a while. Events are kept for 7 days, or what the"
            " service is configured to.\n\n"
            "An event appears within about a second of the change. If the database has lost the history of changes, a"
            " `feed.gap` says where: then read the list of leads again. A page may have fewer events than `limit`, if"
            " they are large."
        ),
    )
    async def index(self, params: Query[EventQuery], events: Part[EventStore]) -> EventPage:
        found = await events.page(params.after, params.limit, params.type, params.lead_id)
        following = found[-1].id if found else params.after
        return EventPage(found, EventMeta(params.limit, following), "Events retrieved successfully.")
