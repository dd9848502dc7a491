"""The responses of the OpenAPI document: successes, and every error in the envelope, each with an example."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler

from leads_api.errors import (
    BadRequest,
    Failure,
    Faults,
    Invalid,
    PayloadTooLarge,
    PreconditionFailed,
    ReadOnly,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from leads_api.http.endpoint import asked_for
from leads_api.http.envelope import PHRASES, ErrorBody, InvalidBody, body_of
from leads_api.http.idempotency import StillRunning
from leads_api.http.preconditions import IF_MATCH, IF_NONE_MATCH, MalformedPrecondition
from leads_api.openapi.examples import ANSWERS
from leads_api.openapi.schemas import Schema, Schemas, answers_of, payload_of
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Nothing, Shape

_FAILURES: dict[int, Failure] = {
    400: BadRequest("The request body is not valid JSON in UTF-8."),
    401: Unauthorized(),
    403: ReadOnly(),
    408: RequestTimeout(),
    412: PreconditionFailed(),
    413: PayloadTooLarge(1_048_576),
    415: UnsupportedMediaType(),
    429: TooManyRequests(headers={"Retry-After": "30"}),
    500: Failure(),
    503: Unavailable(),
}
"""Failures that routes do not declare, by status."""

HEADERS: dict[str, Schema] = {
    "X-Request-ID": {
        "description": "The id of the request: the one that it carries, or a new one.",
        "schema": {"type": "string"},
        "example": "f2b8e1f0c3d94a5e8b7a6c5d4e3f2a1b",
    },
    "RateLimit-Policy": {
        "description": "The rate limit of the API key, if there is one: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"default";q=100;w=60',
    },
    "RateLimit": {
        "description": "What is left of the rate limit: `r` requests for the next `t` seconds.",
        "schema": {"type": "string"},
        "example": '"default";r=50;t=30',
    },
    "Retry-After": {
        "description": "Seconds after which you can repeat the request.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 30,
    },
    "ETag": {
        "description": "The version of the lead, and the revision of the settings that the response shows.",
        "schema": {"type": "string"},
        "example": '"v7.3"',
    },
    "Link": {
        "description": 'The next page (`rel="next"`), relative to this address. Absent from the last page.',
        "schema": {"type": "string"},
        "example": '</api/leads?page=2>; rel="next"',
    },
    "Location": {
        "description": "Path of the new record. For a comment: path of the list that has it.",
        "schema": {"type": "string"},
        "example": "/api/leads/59",
    },
    "Idempotency-Replayed": {
        "description": "`true` if this is the recorded response to the first request with this `Idempotency-Key`.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "WWW-Authenticate": {
        "description": "The scheme of the API key.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
}
"""The components for headers."""

_LIMITED = ("RateLimit-Policy", "RateLimit")


def responses_of(
    handler: HTTPRouteHandler, operation_id: str, schemas: Schemas, *, secured: bool, keyed: bool
) -> Schema:
    """Return the responses of an operation by status.

    `secured`: it needs an API key; `keyed`: it takes an idempotency key.
    """
    declared, precondition = dict(handler.responses or {}), asked_for(handler).precondition
    found = {handler.status_code: _success(handler, operation_id, schemas, keyed=keyed)}
    if (made := declared.pop(HTTPStatus.CREATED, None)) is not None:
        headers = ["ETag", "Location"]
        found[201] = _response(201, schemas.of([made.data_container]), [ANSWERS["create_lead"]], headers)
    if precondition == IF_NONE_MATCH:
        found[304] = {"description": PHRASES[304], "headers": _headers(["X-Request-ID", "ETag"])}
    for status in sorted(_failing(handler, precondition, secured=secured, keyed=keyed) | set(declared)):
        usual = _FAILURES.get(status)
        kinds: list[Any] = [ErrorBody]
        bodies: list[Any] = [body_of(usual)] if usual else []
        if status in declared:
            kinds, bodies = [declared[status].data_container], [each.value for each in declared[status].examples or ()]
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            own = kinds if status in declared else []
            kinds, bodies = [InvalidBody, *own], [body_of(Invalid(_faults(handler))), *bodies]
        elif status == HTTPStatus.BAD_REQUEST and precondition is not None:
            malformed = body_of(MalformedPrecondition(precondition))
            bodies = [*bodies, malformed] if payload_of(handler) else [malformed]
        if status == HTTPStatus.CONFLICT and keyed:
            usual = StillRunning()
            kinds, bodies = [*dict.fromkeys([*kinds, ErrorBody])], [*bodies, body_of(usual)]
        headers = [name for name in usual.headers if name in HEADERS] if usual else []
        found[status] = _response(status, schemas.of(kinds), bodies, headers)
    for status, response in found.items():
        if secured and status != HTTPStatus.UNAUTHORIZED:
            response["headers"] |= _headers(_LIMITED)
    return {str(status): response for status, response in found.items()}


def _failing(handler: HTTPRouteHandler, precondition: str | None, *, secured: bool, keyed: bool) -> set[int]:
    """Return the statuses of failures that a handler does not declare."""
    statuses = {409} if keyed else set()
    if secured:
        statuses |= {401, 422, 429, 500, 503}
        if handler.http_methods != {"GET"}:
            statuses |= {403, 408, 413}
        if payload_of(handler):
            statuses |= {400, 415}
    if precondition is not None:
        statuses |= {400, 412} if precondition == IF_MATCH else {400}
    return statuses


def _success(handler: HTTPRouteHandler, operation_id: str, schemas: Schemas, *, keyed: bool) -> Schema:
    answers = answers_of(handler)
    headers = []
    if any("meta" in getattr(answer, "__origin__", answer).__struct_fields__ for answer in answers):
        headers.append("Link")
    if asked_for(handler).tagged:
        headers.append("ETag")
    if handler.status_code == HTTPStatus.CREATED:
        headers.append("Location")
    if keyed:
        headers.append("Idempotency-Replayed")
    bodies = [ANSWERS[operation_id]] if operation_id in ANSWERS else []
    return _response(handler.status_code, schemas.of(answers), bodies, headers)


def _faults(handler: HTTPRouteHandler) -> Faults:
    """Return the faults of a request without query and body; if it has none, those of an unknown parameter."""
    faults: Faults = {}
    asked = Shape(asked_for(handler).query or Nothing, {}, partial=False)
    asked.check({}, {}, faults)
    if payload := payload_of(handler):
        Shape(payload.struct, {}, partial=payload.partial).check({}, {}, faults)
    if not faults:
        asked.check({"foo": ""}, {}, faults)
    return faults


def _response(status: int, schema: Schema, bodies: Sequence[Schema], headers: Iterable[str]) -> Schema:
    shown: Schema = {}
    if len(bodies) == 1:
        shown = {"example": bodies[0]}
    elif bodies:
        shown = {"examples": {_slug(_said(body)): {"value": body} for body in bodies}}
    return {
        "description": PHRASES[status],
        "headers": _headers(["X-Request-ID", *headers]),
        "content": {JSON: {"schema": schema} | shown},
    }


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _said(body: Schema) -> str:
    """Return the text by which an error differs from others of its status."""
    text: str = next(iter(body["errors"].values()))[0] if "errors" in body else body["message"]
    return text


def _slug(text: str) -> str:
    return "_".join(re.findall(r"[a-z]+", text.lower()))
