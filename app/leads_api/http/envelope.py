"""The one shape of answers (contract, section 1, "Success" and "Errors")."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.errors import Failure
from leads_api.validation.paging import CursorMeta, PageMeta

T = TypeVar("T")


class Answer(Struct, Generic[T], frozen=True, gc=False):
    """One record, and what was done."""

    data: T
    message: str


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


def failures(*statuses: int) -> Mapping[int, ResponseSpec]:
    """Declare what a route answers besides what all routes do; for a handler's `responses`."""
    return {
        status: ResponseSpec(data_container=ErrorBody, description=HTTPStatus(status).phrase) for status in statuses
    }


def failure_body(failure: Failure) -> bytes:
    """Return a failure as JSON in the envelope."""
    return msgspec.json.encode({"message": failure.message} | failure.members)
