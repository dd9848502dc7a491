"""The one shape of answers (contract, section 1, "Success" and "Errors")."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar import Response
from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.errors import Failure

T = TypeVar("T")


class Answer(Struct, Generic[T], frozen=True, gc=False):
    """One record, and what was done."""

    data: T
    message: str


class PageMeta(Struct, frozen=True, gc=False):
    """Where in a list a page stands."""

    current_page: Annotated[int, Meta(ge=1, description="The page that was asked for, even past the end.")]
    per_page: Annotated[int, Meta(ge=1, le=100)]
    total: Annotated[int, Meta(ge=0)]
    last_page: Annotated[int, Meta(ge=1)]

    def next_page(self) -> dict[str, str] | None:
        """Return what to change in the query for the next page; None if there is none."""
        return {"page": str(self.current_page + 1)} if self.current_page < self.last_page else None


class CursorMeta(Struct, frozen=True, gc=False):
    """How a walk goes on."""

    per_page: Annotated[int, Meta(ge=1, le=100)]
    next_cursor: Annotated[
        str | None, Meta(description="To be given back as `cursor`, with the same filters and sort; null at the end.")
    ]

    def next_page(self) -> dict[str, str] | None:
        """Return what to change in the query for the next page; None if there is none."""
        return None if self.next_cursor is None else {"cursor": self.next_cursor}


class Page(Struct, Generic[T], frozen=True, gc=False):
    """Some records of a list."""

    data: Sequence[T]
    meta: PageMeta
    message: str


class CursorPage(Struct, Generic[T], frozen=True, gc=False):
    """Some records of a list that is walked by cursors."""

    data: Sequence[T]
    meta: CursorMeta
    message: str


class Listing(Struct, Generic[T], frozen=True, gc=False, kw_only=True):
    """All records of a list, or a page of them if the caller asked for one."""

    data: Sequence[T]
    meta: PageMeta | UnsetType = UNSET
    message: str


class Deleted(Struct, frozen=True, gc=False):
    """What is left of a deleted record."""

    id: int


class ErrorBody(Struct, frozen=True, gc=False):
    """What every error says."""

    message: str


class InvalidBody(ErrorBody, frozen=True, gc=False):
    """What a 422 says: all faults, by field."""

    errors: Annotated[
        dict[str, Annotated[list[str], Meta(min_length=1)]],
        Meta(description="Texts by field; an item of an array is keyed like `assigned.0`."),
    ]


def created(data: T, message: str, location: str) -> Response[Answer[T]]:
    """Answer 201, with where the new record is."""
    return Response(Answer(data, message), status_code=201, headers={"Location": location})


def failure_body(failure: Failure) -> bytes:
    """Return a failure as JSON in the envelope."""
    return msgspec.json.encode({"message": failure.message} | failure.members)
