"""The collection of API keys. A key is shown once; what is kept is its hash.

A key is `lk_ID_SECRET` with 256 random bits, so a plain SHA-256 is as good as a slow hash, and fast enough for every
request.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from msgspec import Struct

from leads_api.clock import now
from leads_api.errors import Unauthorized
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, Document
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index

COLLECTION = "keys"
INDEXES = {COLLECTION: [Index("user", (("user", 1),))]}

_KEY = re.compile(r"lk_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}", re.ASCII)
_BEARER = re.compile(r"bearer +([!-~]+) *", re.ASCII | re.IGNORECASE)
_REMEMBERED = 10_000
_SECONDS = 5.0


class ApiKey(Struct, frozen=True, kw_only=True):
    """What is known of a key."""

    id: int
    name: str
    user: int
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class Caller(Struct, frozen=True):
    """Who makes a request: a team user, by one of their keys."""

    user: int
    key: int
    """Id of the key; 0 for the one of the settings."""


class KeyStore:
    """Writes and lists keys."""

    def __init__(self, database: Database, ids: Ids, *, seconds: float = _SECONDS) -> None:
        """Bound each batch of reads to so many seconds. However many keys are made up, one connection reads them."""
        self._keys = database[COLLECTION]
        self._ids = ids
        self._reads = Batcher(self._find_all, seconds=seconds)

    async def create(self, name: str, *, user: int, expires: datetime | None = None) -> tuple[ApiKey, str]:
        """Write a new key; return it and the secret text, which cannot be had again."""
        key_id = await self._ids.take(COLLECTION)
        text = f"lk_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(id=key_id, name=name, user=user, created=now(), expires=expires, revoked=None)
        await self._keys.insert_one(
            {
                "_id": key_id, "name": name, "user": user, "created": key.created, "expires": expires,
                "revoked": None, "hash": _digest(text),
            }
        )  # fmt: skip
        return key, text

    async def all(self) -> list[ApiKey]:
        """Return all keys, revoked ones included."""
        return [_shown(document) async for document in self._keys.find().sort([("_id", 1)])]

    async def revoke(self, key_id: int) -> bool:
        """Revoke a key; tell whether there is one. Safe to repeat."""
        result = await self._keys.update_one({"_id": key_id, "revoked": None}, {"$set": {"revoked": now()}})
        return result.matched_count == 1 or await self._keys.find_one({"_id": key_id}) is not None

    async def of_text(self, text: str) -> ApiKey | None:
        """Return the key that a text is, if it is one."""
        if not (match := _KEY.fullmatch(text)):
            return None
        document = await self._reads(int(match[1]))
        if document is None or not hmac.compare_digest(document["hash"], _digest(text)):
            return None
        return _shown(document)

    async def drain(self) -> None:
        """Wait until no batch is under way."""
        await self._reads.drain()

    async def _find_all(self, key_ids: list[int]) -> list[Document | Exception | None]:
        found = {key["_id"]: key async for key in self._keys.find({"_id": {"$in": list(set(key_ids))}})}
        return [found.get(key_id) for key_id in key_ids]


class Gate:
    """Tells whose key a request carries."""

    def __init__(
        self, keys: KeyStore, *, fixed_key: str | None, fixed_user: int, is_active: Callable[[int], Awaitable[bool]],
        seconds: float,
    ) -> None:  # fmt: skip
        """`fixed_key` is valid besides the stored ones; answers are remembered for so many seconds."""
        self._keys = keys
        self._fixed = None if fixed_key is None else _digest(fixed_key)
        self._fixed_user = fixed_user
        self._is_active = is_active
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, ApiKey]] = {}

    async def __call__(self, authorization: str | None) -> Caller:
        """Return the caller of an Authorization header (RFC 6750). Raises Unauthorized."""
        match = _BEARER.fullmatch(authorization or "")
        caller = await self._caller(match[1]) if match else None
        if caller is None or not await self._is_active(caller.user):
            raise Unauthorized
        return caller

    async def _caller(self, text: str) -> Caller | None:
        digest = _digest(text)
        if self._fixed is not None and hmac.compare_digest(self._fixed, digest):
            return Caller(self._fixed_user, 0)
        until, key = self._known.get(digest, (0.0, None))
        asked = monotonic()
        if key is None or asked >= until:
            key = await self._keys.of_text(text)
            if key is None:  # not remembered: whoever makes keys up must not crowd out those that are there
                return None
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[digest] = (asked + self._seconds, key)
        if key.revoked is not None or (key.expires is not None and key.expires <= now()):
            return None
        return Caller(key.user, key.id)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _shown(document: Document) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        name=document["name"],
        user=document["user"],
        **{name: _aware(document[name]) for name in ("created", "expires", "revoked")},
    )


def _aware(moment: datetime | None) -> Any:
    """Return a time with its zone, which a client that was not made for it (a test's) leaves out."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
