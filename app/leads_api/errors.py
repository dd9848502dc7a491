"""The tree of failures: each has its status and its text (contract, section 1, "Errors")."""

from collections.abc import Mapping
from typing import Any

Faults = dict[str, list[str]]
"""Texts of validation errors, by field name."""


class Failure(Exception):  # noqa: N818 - "AlreadyConverted" says more than "AlreadyConvertedError"
    """An error response: a status, a message, and optionally headers and more members of the body."""

    status = 500
    message = "The server met an unexpected fault. Please try again; if it stays, report the request id."

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        self.message = message or self.message
        self.headers = dict(headers or {})
        self.members = members
        self.reason = self.message
        super().__init__(self.message)


class BadRequest(Failure):
    """The request cannot be decoded."""

    status = 400
    message = "The request could not be read."


class Unauthorized(Failure):
    """The API key is missing or not valid. The response does not say which."""

    status = 401
    message = "Unauthorized. A valid API key is required."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class ReadOnly(Failure):
    """The scope of the API key does not allow this method."""

    status = 403
    message = "This API key may only read."


class NotFound(Failure):
    """The path or the record does not exist."""

    status = 404
    message = "Not found."


class MethodNotAllowed(Failure):
    """The path exists, but does not allow this method (RFC 9110, 15.5.6)."""

    status = 405
    message = "Method not allowed."

    def __init__(self, allow: str) -> None:
        super().__init__(headers={"Allow": allow})


class RequestTimeout(Failure):
    """The body did not arrive in time."""

    status = 408
    message = "The request body did not arrive in time. Please send it again."

    def __init__(self) -> None:
        super().__init__(headers={"Connection": "close"})


class Conflict(Failure):
    """The request is valid, but conflicts with the current state of the record."""

    status = 409


class PreconditionFailed(Failure):
    """The record is not, or no longer, in a version that the request accepts (RFC 9110, 15.5.13)."""

    status = 412
    message = (
        "The record has changed since you read it, or If-Match does not have its ETag as it was sent. Get it again,"
        " check your change against what it is now, and send its new ETag."
    )


class PayloadTooLarge(Failure):
    """The body exceeds the size limit (bytes)."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body must not be larger than {limit} bytes.")


class UnsupportedMediaType(Failure):
    """The body is neither JSON nor a form."""

    status = 415
    message = "The request body must be sent as application/json or application/x-www-form-urlencoded."


class Invalid(Failure):
    """Validation errors of query and body, all in one response."""

    status = 422
    message = "The given data was invalid."

    def __init__(self, errors: Faults) -> None:
        super().__init__(errors=errors)


class TooManyRequests(Failure):
    """The API key has exceeded its rate limit."""

    status = 429
    message = "Too many requests. Please slow down."


class Unavailable(Failure):
    """A dependency of the service, such as the database, does not respond. The request can be retried."""

    status = 503
    message = "The service is temporarily unavailable. Please try again."

    def __init__(self, message: str | None = None, *, retry_after: int = 1, reason: str | None = None) -> None:
        """`reason` is for the log; callers do not see it."""
        super().__init__(message, headers={"Retry-After": str(retry_after)})
        self.reason = reason or self.message
