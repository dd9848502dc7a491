"""Cursors of the list of leads: encoding and validation (contract, "Cursor paging").

A cursor is opaque to callers, but neither secret nor signed: a forged cursor shows nothing that the list does not show.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from leads_api.clock import plain_time
from leads_api.folding import caseless, caseless_email, letters
from leads_api.validation.values import INT64_MAX, INT64_MIN, NOT_SELECTABLE, Wrong

START = "*"
MAX_LENGTH = 2730
"""The letters of a title of 250 characters have at most 2000 bytes, or 2667 characters in Base64; the rest is below
60."""
OTHER_LIST = (
    "The cursor was made with other filters or another sort: send the same ones with it, or start anew with cursor=*."
)

Key = int | str | datetime | None
"""A sort key."""

_PAGING = {"page", "limit", "cursor"}
_COMPARED = {"source": caseless, "email": caseless_email, "tag": caseless}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_KEYS: Mapping[str, tuple[type, ...]] = {
    "lead_title": (str, type(None)),
    "lead_value": (int, type(None)),
    "lead_created": (datetime, type(None)),
    "lead_last_contacted": (str, type(None)),
}


class _Content(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The content of a token, which is untrusted input."""

    version: Literal[1]
    key: Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | str | None
    """Dates are milliseconds since 1970."""
    lead_id: Annotated[int, Meta(ge=1, le=INT64_MAX)]
    ties: bool
    walked: Annotated[bytes, Meta(min_length=8, max_length=8)]


_encode_query = msgspec.json.Encoder(enc_hook=plain_time, order="deterministic").encode
_decode = msgspec.msgpack.Decoder(_Content).decode
_encode = msgspec.msgpack.Encoder(enc_hook=int).encode  # for the driver's 64-bit class


class Cursor(Struct, frozen=True):
    """The sort key and id of the last lead shown. The lead itself may change or be deleted."""

    key: Key
    lead_id: int
    ties: bool
    """Whether more leads with the same key follow."""


def read_cursor(token: str, query: Mapping[str, Any]) -> Cursor:
    """Return the validated cursor of a token for a list with these parameters. Raises Wrong."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if _as_text(raw) != token:  # Base64 decoding is lenient; only one spelling is accepted
            raise Wrong(NOT_SELECTABLE)
        content = _decode(raw)
        if content.walked != _fingerprint(query):
            raise Wrong(OTHER_LIST)
        key: Key = content.key
        if query["sort"] == "lead_created" and type(key) is int:
            key = _EPOCH + key * _MILLISECOND
    except (ValueError, OverflowError):
        raise Wrong(NOT_SELECTABLE) from None
    if not isinstance(key, _KEYS.get(query["sort"], ())):
        raise Wrong(NOT_SELECTABLE)
    return Cursor(key, content.lead_id, content.ties)


def write_cursor(cursor: Cursor, query: Mapping[str, Any]) -> str:
    """Return the token of a cursor for a list with these parameters."""
    key = cursor.key
    if isinstance(key, datetime):
        key = (key.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
    content = _Content(1, key, cursor.lead_id, cursor.ties, _fingerprint(query))
    return _as_text(_encode(content))


def _as_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _fingerprint(query: Mapping[str, Any]) -> bytes:
    """Return a hash of the parsed filters and sort, without the paging.

    It is the same in every process. It does not change when a release adds a filter that the request does not use.
    """
    said = {name: value for name, value in query.items() if value is not None and name not in _PAGING}
    for name, fold in _COMPARED.items():
        if name in said:
            said[name] = fold(said[name])
    if "search" in said:
        said["search"] = sorted(set(letters(said["search"]).split()))
    if "status" in said:
        said["status"] = sorted(set(said["status"]))
    return sha256(_encode_query(said)).digest()[:8]
