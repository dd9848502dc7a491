"""The tree of failures: each knows how it looks from outside (contract, section 1, "Errors")."""

from collections.abc import Mapping
from typing import Any

Faults = dict[str, list[str]]
"""Texts of what is wrong, by the name of the field."""


class Failure(Exception):  # noqa: N818 - "AlreadyConverted" says more than "AlreadyConvertedError"
    """Something that a caller is told: a status, a sentence, and perhaps headers and more members."""

    status = 500
    message = "The server met an unexpected fault. Please try again; if it stays, report the request id."

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        self.message = message or self.message
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(self.message)


class BadRequest(Failure):
    """The request cannot be read as what it says it is."""

    status = 400
    message = "The request could not be read."


class Unauthorized(Failure):
    """No key, or not a good one. Which of the two is nobody's business."""

    status = 401
    message = "Unauthorized. A valid API key is required."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class NotFound(Failure):
    """There is no such path, or no such record."""

    status = 404
    message = "Not found."


class MethodNotAllowed(Failure):
    """The path is there, but not for this method (RFC 9110, 15.5.6)."""

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
    """The request is right, but not for the present state of the record."""

    status = 409


class PayloadTooLarge(Failure):
    """The body is over the limit."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body must not be larger than {limit} bytes.")


class UnsupportedMediaType(Failure):
    """The body is neither JSON nor a form."""

    status = 415
    message = "The request body must be sent as application/json or application/x-www-form-urlencoded."


class Invalid(Failure):
    """Faults of the query and the body, all of them at once."""

    status = 422
    message = "The given data was invalid."

    def __init__(self, errors: Faults) -> None:
        super().__init__(errors=errors)


class TooManyRequests(Failure):
    """The key has used up what it may ask for."""

    status = 429
    message = "Too many requests. Please slow down."


class Unavailable(Failure):
    """A part that the service stands on does not answer; the same request may work in a moment."""

    status = 503
    message = "The service is temporarily unavailable. Please try again."

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
