"""Idempotency keys: a POST that is repeated with the same key gets the first answer again (contract, section 5)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from http import HTTPStatus
from itertools import count

from msgspec import Struct

from leads_api.errors import Conflict, Failure, Faults, Invalid
from leads_api.http.exchange import Exchange
from leads_api.memory import Memory
from leads_api.mongo.faults import DatabaseError
from leads_api.mongo.idempotency import IdempotencyStore, Recorded
from leads_api.mongo.recording import KeyInUse, Recording, recording
from leads_api.mongo.transaction_runs import pause_after

HEADER = b"idempotency-key"
FIELD = "idempotency_key"
MAX_LENGTH = 255
MALFORMED = (
    f"The idempotency key field must have 1 to {MAX_LENGTH} visible ASCII characters, without spaces, and be sent once."
)
USED = "The idempotency key has already been used for another request. Use a new key for each request."
REPLAYED = {"Idempotency-Replayed": "true"}

_KEY = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}", re.ASCII)


class StillRunning(Conflict):
    """The first request with this key has not been answered yet."""

    message = "A request with this idempotency key is still in progress. Please try again."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class Key(Struct, frozen=True, gc=False):
    """The idempotency key of a request."""

    identity: str
    """The id of its record. Callers with different API keys may use the same idempotency key."""
    fingerprint: bytes
    """What must be the same in a repetition: method, path, query, content type and body."""


def key_of(exchange: Exchange, body: bytes, faults: Faults) -> Key | None:
    """Return the key of a request that has the header. If it is malformed, add a fault and return None."""
    sent = exchange.list_header(HEADER)
    if not _KEY.fullmatch(sent):
        faults[FIELD] = [MALFORMED]
        return None
    # No part but the last can contain a zero byte, so different requests never look the same.
    parts = (
        exchange.method.encode(),
        exchange.path.rstrip("/").encode(),
        exchange.query_string,
        exchange.headers.get(b"content-type", b""),
        body,
    )
    return Key(f"{exchange.api_key}:{sent}", sha256(b"\0".join(parts)).digest())


class Idempotency:
    """Replays recorded answers, and has new ones recorded together with what the request writes."""

    def __init__(self, keys: IdempotencyStore, memory: Memory) -> None:
        """`memory` limits the answers that are replayed at the same time."""
        self._keys = keys
        self._memory = memory
        self._running: set[str] = set()

    async def replay(self, key: Key, exchange: Exchange, faults: Faults) -> bool:
        """Set the recorded answer as the response, if there is one; return whether there is.

        If the key was used for another request, add a fault.
        """
        if (recorded := await self._recorded(key, faults)) is None:
            return False
        exchange.reply(recorded.status, recorded.headers | REPLAYED, recorded.body)
        return True

    async def answered_meanwhile(self, key: Key, exchange: Exchange) -> bool:
        """Set the recorded answer as the response if the first request has been answered; return whether it has.

        For a repetition that is refused: what the first request has written may be the reason. Raises StillRunning if a
        majority has not acknowledged that yet, and Invalid if the key was used for another request.
        """
        return await self._settled(key, exchange, []) or await self._is_being_answered(key)

    async def answer(self, key: Key, exchange: Exchange, handle: Callable[[], Awaitable[None]]) -> None:
        """Have a request answered by `handle`, possibly several times, and its answer recorded if it succeeds.

        Raises StillRunning if another request with this key is being answered, and the failures of the handler.
        """
        if key.identity in self._running:
            raise StillRunning
        self._running.add(key.identity)
        try:
            await self._answer(key, exchange, handle)
        finally:
            self._running.discard(key.identity)

    async def _answer(self, key: Key, exchange: Exchange, handle: Callable[[], Awaitable[None]]) -> None:
        attempts: list[tuple[Recorded, Recording]] = []
        for tries in count():
            try:
                await self._attempt(key, exchange, handle, attempts)
            except KeyInUse:
                failed: Exception = StillRunning()
            except Failure as failure:
                if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                failed = failure
            except DatabaseError as error:
                failed = error
            else:
                return
            # The answer to our commit was lost, or another process has answered the same request meanwhile.
            if await self._settled(key, exchange, attempts):
                return
            if isinstance(failed, Failure):
                await self._is_being_answered(key)
            if (pause := pause_after(failed, tries)) is None:
                raise failed
            await asyncio.sleep(pause)

    async def _attempt(
        self,
        key: Key,
        exchange: Exchange,
        handle: Callable[[], Awaitable[None]],
        attempts: list[tuple[Recorded, Recording]],
    ) -> None:
        pending = Recording(key.identity)
        token = recording.set(pending)
        try:
            await handle()
            status, headers, body = exchange.answer
            if status >= HTTPStatus.MULTIPLE_CHOICES:
                pending.abandon()
                return
            answer = Recorded(status, dict(headers), body)
            attempts.append((answer, pending))
            await pending.finish(await self._keys.record(key.identity, key.fingerprint, answer))
        except BaseException:
            pending.abandon()
            raise
        finally:
            recording.reset(token)

    async def _settled(self, key: Key, exchange: Exchange, attempts: list[tuple[Recorded, Recording]]) -> bool:
        """Set the recorded answer as the response, if there is one. Raises Invalid if it is of another request."""
        faults: Faults = {}
        recorded = await self._recorded(key, faults)
        if faults:
            raise Invalid(faults)
        if recorded is None:
            return False
        for answer, pending in attempts:
            if answer == recorded:
                pending.committed()
                exchange.reply(answer.status, answer.headers, answer.body)
                return True
        exchange.reply(recorded.status, recorded.headers | REPLAYED, recorded.body)
        return True

    async def _is_being_answered(self, key: Key) -> bool:
        """Raise StillRunning if the first request has written, but its commit is not acknowledged yet."""
        if await self._keys.is_written(key.identity):
            raise StillRunning
        return False

    async def _recorded(self, key: Key, faults: Faults) -> Recorded | None:
        seen = await self._keys.find(key.identity)
        if seen is None:
            return None
        if seen.fingerprint != key.fingerprint:
            faults[FIELD] = [USED]
            return None
        await self._memory.hold(seen.size)
        return await self._keys.read(key.identity)
