"""Request and response schemas of comments."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.catalog.cache import Snapshot
from leads_api.catalog.model import ADMIN, NameShown
from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.mongo.client import Document
from leads_api.validation.fields import Limit, Page
from leads_api.validation.paging import PageMeta

MAX_LENGTH = 10_000
"""Characters of a comment."""


class CommentDates(Struct, frozen=True, gc=False):
    """When a comment was written."""

    created: Timestamp


class Comment(Struct, frozen=True, gc=False):
    """What someone said."""

    id: int
    text: str
    creator: Annotated[NameShown, Meta(description="The team user of the API key, with the current name.")]
    dates: CommentDates


class LeadCommentList(Struct, frozen=True, gc=False, kw_only=True):
    """All comments of a lead, or a page of them if the caller asks for one."""

    data: Annotated[Sequence[Comment], Meta(description="The comments, newest first.")]
    meta: Annotated[
        PageMeta | UnsetType, Meta(description="Where in the list this page stands. Absent if all are returned.")
    ] = UNSET
    message: Annotated[str, Meta(description="What was done.")]


class CommentInput(Struct, frozen=True):
    """A comment."""

    comment: Annotated[str, Meta(max_length=MAX_LENGTH)]


class CommentQuery(Struct, frozen=True, kw_only=True):
    """A page of the comments; all of them if neither is given."""

    page: Page | None = None
    limit: Limit | None = None


def comment_of(document: Document, settings: Snapshot) -> Comment:
    """Return a comment as callers see it. Raises KeyError if the settings do not contain its creator."""
    creator = settings.people[document.get("creator") or ADMIN]
    return Comment(
        document.get("id") or 0,
        document.get("text") or "",
        NameShown(creator["_id"], creator["name"]),
        CommentDates(shown_time(document.get("created") or UNKNOWN)),
    )
