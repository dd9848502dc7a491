"""Request and response schemas of checklists."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.mongo.client import Document
from leads_api.validation.fields import Id
from leads_api.validation.paging import PageMeta, Paging

ItemStatus = Literal["pending", "completed"]
Text = Annotated[str, Meta(max_length=1000)]


class Resource(Struct, frozen=True, gc=False):
    """What an item belongs to."""

    type: Literal["lead"]
    id: int


class ItemDates(Struct, frozen=True, gc=False):
    """When the item was made, and last changed."""

    created: Timestamp
    updated: Timestamp


class ChecklistItem(Struct, frozen=True, gc=False):
    """Something to do."""

    id: int
    text: str
    status: ItemStatus
    position: int
    resource: Resource
    comments_count: int
    dates: ItemDates


class Progress(Struct, frozen=True, gc=False):
    """How much is done, of the whole checklist."""

    total: int
    completed: int
    percentage: Annotated[int, Meta(ge=0, le=100, description="Rounded half up; 0 for an empty checklist.")]


class ChecklistMeta(PageMeta, frozen=True, gc=False):
    """Where the page stands, and how much is done."""

    progress: Progress


class ChecklistPage(Struct, frozen=True, gc=False):
    """Items of a checklist."""

    data: Annotated[Sequence[ChecklistItem], Meta(description="The items of this page.")]
    meta: Annotated[ChecklistMeta, Meta(description="Where in the list this page stands, and how much is done.")]
    message: Annotated[str, Meta(description="What was done.")]


class ChecklistQuery(Paging, frozen=True, kw_only=True):
    """Whose checklist."""

    resource_type: Literal["lead"]
    resource_id: Id
    sort: Annotated[
        Literal["checklist_position", "checklist_status", "checklist_created"],
        Meta(description="`checklist_status` sorts pending items first."),
    ] = "checklist_position"
    order: Literal["asc", "desc"] = "asc"


class ItemInput(Struct, frozen=True):
    """A new item."""

    checklistresource_type: Literal["lead"]
    checklistresource_id: Annotated[Id, Meta(extra={"reference": "lead"})]
    checklist_text: Text


class ItemChanges(Struct, frozen=True):
    """What of an item can be changed."""

    checklist_text: Text


class ItemStatusInput(Struct, frozen=True):
    """Whether the item is done."""

    status: ItemStatus


class Positions(Struct, frozen=True):
    """A new order."""

    checklist_ids: Annotated[
        list[Id],
        Meta(min_length=1, max_length=1000, description="All item ids of one lead, and no others, in their new order."),
    ]


def item_of(document: Document) -> ChecklistItem:
    """Return an item as callers see it."""
    dates = document.get("dates") or {}
    created = dates.get("created") or UNKNOWN
    return ChecklistItem(
        document["_id"],
        document.get("text") or "",
        document.get("status") or "pending",
        document.get("position") or 0,
        Resource("lead", document.get("lead") or 0),
        document.get("comments_count") or 0,
        ItemDates(shown_time(created), shown_time(dates.get("updated") or created)),
    )


def progress_of(total: int, completed: int) -> Progress:
    """Return the progress; the percentage is rounded half-up to an integer."""
    return Progress(total, completed, (200 * completed + total) // (2 * total) if total else 0)
