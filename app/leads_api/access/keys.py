"""The collection of API keys. A key is shown once; what is kept is its hash.

A key is `lk_ID_SECRET` with 256 random bits, so a plain SHA-256 is as good as a slow hash, and fast enough for every
request.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from leads_api.clock import UNKNOWN, now
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, Document
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step

COLLECTION = "keys"
SCHEMA_VERSION = 2
"""The form of the documents that are written here."""

INDEXES = {COLLECTION: [Index("user", (("user", 1),))]}
STEPS = {COLLECTION: [Step(2)]}

_KEY = re.compile(r"lk_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}", re.ASCII)
_SECONDS = 5.0
_NOBODY = 0
"""No user has this id, so a key without a user opens nothing."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """What is known of a key."""

    id: int
    name: str
    user: int
    created: datetime
    expires: datetime | None
    revoked: datetime | None


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
                "revoked": None, "hash": digest(text), "schema_version": SCHEMA_VERSION,
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
        if document is None or not hmac.compare_digest(document.get("hash", b""), digest(text)):
            return None
        return _shown(document)

    async def drain(self) -> None:
        """Wait until no batch is under way."""
        await self._reads.drain()

    async def _find_all(self, key_ids: list[int]) -> list[Document | Exception | None]:
        found = {key["_id"]: key async for key in self._keys.find({"_id": {"$in": list(set(key_ids))}})}
        return [found.get(key_id) for key_id in key_ids]


def digest(text: str) -> bytes:
    """Return what is kept of a key: its hash."""
    return hashlib.sha256(text.encode()).digest()


def _shown(document: Document) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        name=document.get("name", ""),
        user=document.get("user", _NOBODY),
        created=_aware(document.get("created", UNKNOWN)),
        expires=_aware(document.get("expires")),
        revoked=_aware(document.get("revoked")),
    )


def _aware(moment: datetime | None) -> Any:
    """Return a time with its zone, which a client that was not made for it (a test's) leaves out."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
