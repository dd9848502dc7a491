"""The FastAPI peers' edge: the request id, the key, and errors in one envelope."""

import hashlib
import hmac
import os
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CACHE_SECONDS = 2.0
MONGODB_URI = os.environ.get("PEER_MONGODB_URI", "")
MONGODB_DATABASE = os.environ.get("PEER_MONGODB_DATABASE", "leads")

_KEY = re.compile(r"lk_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")
_TEXTS = {
    "missing": "The {} field is required.",
    "extra_forbidden": "The {} field is not recognised.",
    "string_type": "The {} field must be a string.",
    "string_too_short": "The {} field is required.",
    "string_too_long": "The {} field must not be greater than {max_length} characters.",
    "string_pattern_mismatch": "The {} field contains characters that are not allowed.",
    "int_type": "The {} field must be an integer.",
    "int_parsing": "The {} field must be an integer.",
    "decimal_type": "The {} field must be a number.",
    "decimal_parsing": "The {} field must be a number.",
    "date_from_datetime_parsing": "The {} field must be a valid date.",
    "greater_than_equal": "The {} field must be at least {ge}.",
    "less_than_equal": "The {} field must not be greater than {le}.",
}


class Invalid(Exception):  # noqa: N818 - as the service's own is called
    """Faults that only the route can see."""

    def __init__(self, field: str, text: str) -> None:
        self.errors = {field: [text]}


class Keys:
    """The keys that are in the database, remembered for a moment."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._known: dict[str, tuple[float, dict[str, Any] | None]] = {}

    async def user_of(self, text: str) -> int | None:
        until, key = self._known.get(text, (0.0, None))
        if time.monotonic() >= until:
            key = await self._find(text)
            self._known[text] = (time.monotonic() + CACHE_SECONDS, key)
        if key is None or key["revoked"] or (key["expires"] and key["expires"] <= datetime.now(UTC)):
            return None
        user: int = key["user"]
        return user

    async def _find(self, text: str) -> dict[str, Any] | None:
        if not (match := _KEY.fullmatch(text)):
            return None
        key: dict[str, Any] | None = await self._collection.find_one({"_id": int(match[1])})
        digest = hashlib.sha256(text.encode()).digest()
        return key if key and hmac.compare_digest(key["hash"], digest) else None


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


async def authenticated(request: Request, credentials: Credentials) -> int:
    """Return the user whose key it is."""
    keys: Keys = request.app.state.keys
    user = await keys.user_of(credentials.credentials) if credentials else None
    if user is None or not await request.app.state.catalog.is_active(user):
        raise HTTPException(401, "Unauthorized. A valid API key is required.", {"WWW-Authenticate": "Bearer"})
    return user


Caller = Annotated[int, Depends(authenticated)]


class RequestId:
    """Gives each answer the id of its request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        scope["state"]["request_id"] = identity

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = identity
            await send(message)

        await self.app(scope, receive, named)


def add_handlers(app: FastAPI) -> None:
    """Let all errors have the service's shape."""

    @app.exception_handler(HTTPException)
    async def failed(_request: Request, error: HTTPException) -> JSONResponse:
        detail: Any = error.detail  # FastAPI lets it be more than the text that its type says
        body = detail if isinstance(detail, dict) else {"message": detail}
        return JSONResponse(body, error.status_code, error.headers)

    @app.exception_handler(Invalid)
    async def refused(_request: Request, error: Invalid) -> JSONResponse:
        return _invalid(error.errors)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors: dict[str, list[str]] = {}
        for fault in error.errors():
            if fault["type"] == "json_invalid":
                return JSONResponse({"message": "The request could not be read."}, 400)
            name = ".".join(map(str, fault["loc"][1:])) or "body"
            text = _text_of(fault, name)
            errors.setdefault(name, []).append(text.format(name.replace("_", " "), **fault.get("ctx", {})))
        return _invalid(errors)


def _text_of(fault: dict[str, Any], name: str) -> str:
    if fault["type"] == "string_pattern_mismatch" and name.endswith("email"):
        return "The {} field must be a valid email address."
    return _TEXTS.get(fault["type"], "The {} field is invalid.")


def _invalid(errors: dict[str, list[str]]) -> JSONResponse:
    return JSONResponse({"message": "The given data was invalid.", "errors": errors}, 422)
