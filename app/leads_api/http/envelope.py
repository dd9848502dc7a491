"""The response envelope: the structs of success and error responses (contract, section 1, "Success" and "Errors")."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import Meta, Struct

from leads_api.errors import Failure, Invalid
from leads_api.validation.paging import CursorMeta, PageMeta

T = TypeVar("T")
Done = Annotated[str, Meta(description="What was done.")]
Records = Annotated[Sequence[T], Meta(description="The records of this page, in the order of the list.")]

# The reason phrases of RFC 9110. Python's differ between versions, but the OpenAPI document must not.
PHRASES = {
    200: "OK",
    201: "Created",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _plain(value: object) -> int:
    if isinstance(value, int):  # the driver has its own class, a subclass of int, for 64-bit integers
        return int(value)
    raise TypeError(f"{type(value)} cannot be encoded as JSON")


encode = msgspec.json.Encoder(enc_hook=_plain).encode
"""Encodes a response, or a part of one, as JSON."""


class Answer(Struct, Generic[T], frozen=True, gc=False):
    """One record, and what was done."""

    data: Annotated[T, Meta(description="The record as it is now, or what is left of it.")]
    message: Done


class Page(Struct, Generic[T], frozen=True, gc=False):
    """Some records of a list."""

    data: Records[T]
    meta: Annotated[PageMeta, Meta(description="Where in the list this page stands.")]
    message: Done


class CursorPage(Struct, Generic[T], frozen=True, gc=False):
    """Some records of a list that is walked by cursors."""

    data: Records[T]
    meta: Annotated[CursorMeta, Meta(description="How to get the next page.")]
    message: Done


class Deleted(Struct, frozen=True, gc=False):
    """What is left of a deleted record."""

    id: int


class ErrorBody(Struct, frozen=True, gc=False):
    """What every error says."""

    message: Annotated[str, Meta(description="What is wrong, and what you can do about it.")]


class InvalidBody(ErrorBody, frozen=True, gc=False):
    """What a 422 says: all faults, by field."""

    errors: Annotated[
        dict[str, Annotated[list[str], Meta(min_length=1)]],
        Meta(description="Texts by field; the key of an array item is like `assigned.0`."),
    ]


class Tagged(Struct, Generic[T], frozen=True, gc=False):
    """A response with an entity tag, and for a new record (201) its `Location`. Not part of the body."""

    content: T
    etag: str
    location: str | None = None


def created(data: T, message: str, location: str) -> Response[Answer[T]]:
    """Return a 201 response with the new record and its `Location`."""
    return Response(Answer(data, message), status_code=201, headers={"Location": location})


class _Declared(ResponseSpec):
    """An OpenAPI response. Litestar copies each handler several times; nobody changes what it declares."""

    def __deepcopy__(self, memo: object) -> Self:
        return self


def failures(*failures: Failure) -> Mapping[int, ResponseSpec]:
    """Return the OpenAPI responses of failures that only this route has; for a handler's `responses`."""
    return {
        status: _Declared(
            data_container=_kind(next(failure for failure in failures if failure.status == status)),
            description=PHRASES[status],
            examples=[Example(value=body_of(failure)) for failure in failures if failure.status == status],
        )
        for status in dict.fromkeys(failure.status for failure in failures)
    }


def also_created(answer: Any) -> Mapping[int, ResponseSpec]:
    """Return the OpenAPI response of a route that answers 201 if it has created the record, and 200 if it was there."""
    return {201: _Declared(data_container=answer, description=PHRASES[201])}


_bodies: dict[str, type[Struct]] = {}
"""By name: several routes may declare the same failure."""


def _kind(failure: Failure) -> type[Struct]:
    """Return the struct of a failure's body."""
    base = InvalidBody if isinstance(failure, Invalid) else ErrorBody
    members = [(name, type(value)) for name, value in failure.members.items() if name not in base.__struct_fields__]
    if not members:
        return base
    name = f"{type(failure).__name__}Body"
    if name not in _bodies:
        _bodies[name] = msgspec.defstruct(
            name, members, bases=(base,), namespace={"__doc__": type(failure).__doc__}, frozen=True
        )
    return _bodies[name]


def body_of(failure: Failure) -> dict[str, Any]:
    """Return the response body of a failure."""
    return {"message": failure.message} | failure.members


def failure_body(failure: Failure) -> bytes:
    """Return the response body of a failure, as JSON."""
    return encode(body_of(failure))
