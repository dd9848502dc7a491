"""The authenticator: finds the caller of a request from its API key (contract, section 1, "Auth")."""

import hmac
import re
from collections.abc import Awaitable, Callable
from time import monotonic

from msgspec import Struct

from leads_api.access.keys import ApiKey, KeyStore, digest
from leads_api.clock import now
from leads_api.errors import Unauthorized

# Not by IGNORECASE, with which it takes twice as long.
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]+) *")
_REMEMBERED = 10_000


class Caller(Struct, frozen=True):
    """The caller of a request: a team user with one of their API keys."""

    user: int
    key: int
    """The id of the key; 0 for LEADS_API_KEY."""
    reads_only: bool


class Authenticator:
    """Finds the caller of a request, with a cache of keys."""

    def __init__(
        self, keys: KeyStore, *, fixed_key: str | None, fixed_user: int, is_active: Callable[[int], Awaitable[bool]],
        seconds: float,
    ) -> None:  # fmt: skip
        """`fixed_key` is valid in addition to the stored keys. Valid keys are cached for `seconds`."""
        self._keys = keys
        self._fixed = None if fixed_key is None else digest(fixed_key)
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
        hashed = digest(text)
        if self._fixed is not None and hmac.compare_digest(self._fixed, hashed):
            return Caller(self._fixed_user, 0, reads_only=False)
        until, key = self._known.get(hashed, (0.0, None))
        asked = monotonic()
        if key is None or asked >= until:
            key = await self._keys.of_text(text)
            if key is None:  # not cached: guessed keys must not displace valid ones
                return None
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[hashed] = (asked + self._seconds, key)
        if key.revoked is not None or (key.expires is not None and key.expires <= now()):
            return None
        return Caller(key.user, key.id, key.scope != "all")
