"""The store of API keys. A key is shown once; only its hash is stored.

A key is `lk_ID_SECRET` with 256 random bits. So a plain SHA-256 is as secure as a slow hash, and fast enough for every
request.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from leads_api.clock import UNKNOWN, now
from leads_api.mongo.batching import MAX_WAITING, Batcher
from leads_api.mongo.client import Database, Document
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step

COLLECTION = "keys"
SCHEMA_VERSION = 2
"""The schema version of new documents."""

INDEXES = {COLLECTION: [Index("user", (("user", 1),))]}
STEPS = {COLLECTION: [Step(2)]}

Scope = Literal["all", "read"]
"""What a key allows: everything, or only GET and HEAD."""

_KEY = re.compile(r"lk_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODY = 0
"""No user has this id, so a key without a user is refused."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: int
    name: str
    user: int
    scope: Scope
    created: datetime
    expires: datetime | None
    """The first moment at which the key is no longer valid."""
    revoked: datetime | None


class KeyStore:
    """Creates, finds, lists and revokes keys."""

    def __init__(self, database: Database, ids: Ids) -> None:
        """Reads are batched, so guessed keys use two connections at most."""
        self._keys = database[COLLECTION]
        self._ids = ids
        self._reads = Batcher(self._find_all, most=MAX_WAITING, queue="api_keys")

    async def create(
        self, name: str, *, user: int, scope: Scope = "all", expires: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Create a key; return it and its text, which cannot be retrieved again."""
        key_id = await self._ids.take(COLLECTION)
        text = f"lk_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(id=key_id, name=name, user=user, scope=scope, created=now(), expires=expires, revoked=None)
        await self._keys.insert_one(
            {
                "_id": key_id, "name": name, "user": user, "scope": scope, "created": key.created, "expires": expires,
                "revoked": None, "hash": digest(text), "schema_version": SCHEMA_VERSION,
            }
        )  # fmt: skip
        return key, text

    async def all(self) -> list[ApiKey]:
        """Return all keys, revoked ones included."""
        return [_shown(document) async for document in self._keys.find().sort([("_id", 1)])]

    async def revoke(self, key_id: int) -> ApiKey | None:
        """Revoke a key and return it; None if there is none. Safe to repeat."""
        await self._keys.update_one({"_id": key_id, "revoked": None}, {"$set": {"revoked": now()}})
        document = await self._keys.find_one({"_id": key_id})
        return None if document is None else _shown(document)

    async def of_text(self, text: str) -> ApiKey | None:
        """Return the key with this text; None if there is none."""
        if not (match := _KEY.fullmatch(text)):
            return None
        document = await self._reads(int(match[1]))
        if document is None or not hmac.compare_digest(document.get("hash") or b"", digest(text)):
            return None
        return _shown(document)

    async def drain(self) -> None:
        """Wait until no batch is in progress."""
        await self._reads.drain()

    async def _find_all(self, key_ids: list[int]) -> list[Document | Exception | None]:
        found = {key["_id"]: key async for key in self._keys.find({"_id": {"$in": list(set(key_ids))}})}
        return [found.get(key_id) for key_id in key_ids]


def digest(text: str) -> bytes:
    """Return the hash of a key, which is stored."""
    return hashlib.sha256(text.encode()).digest()


def _shown(document: Document) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        name=document.get("name") or "",
        user=document.get("user") or _NOBODY,
        # Keys of earlier versions have no scope. One of a later version that is unknown here must not allow more.
        scope="all" if document.get("scope") in (None, "all") else "read",
        created=_aware(document.get("created") or UNKNOWN),
        expires=_aware(document.get("expires")),
        revoked=_aware(document.get("revoked")),
    )


def _aware(moment: datetime | None) -> Any:
    """Return a time with its time zone, which a client that is not `tz_aware` (in tests) leaves out."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
