"""Mixed load: callers that live through the lives of leads, each over a connection of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import httpx

from tests.client import Api
from tests.faults.history import History, Request
from tests.faults.writer import Writer
from tests.wire.process import SECONDS, until

CALLERS = 6
SHARED = 2
"""Leads that all callers change. Each caller has others of its own beside them."""
BACK_OFF = 0.05
"""Seconds for which a caller waits after an answer that is no success."""


class Load:
    """The load of one test."""

    def __init__(self, history: History, url: str) -> None:
        self._history = history
        self._url = url
        self._ending = asyncio.Event()
        self.going = asyncio.Event()
        """Clear it to let the callers pause between two lives."""
        self.going.set()
        self._shared: list[int] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Put the load on the service for the length of the block; then let every caller finish what it has begun."""
        async with self._caller() as writer:
            self._shared = [await made(writer.create) for _ in range(SHARED)]
        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(self._call(random.Random(number)))
            try:
                yield
            finally:
                self._ending.set()

    async def acknowledged(self, count: int) -> None:
        """Wait until so many more requests were acknowledged."""
        await self._more(count, "acknowledged", lambda request: request.done)

    async def refused(self, count: int) -> None:
        """Wait until so many more requests were answered 503."""
        await self._more(count, "refused", lambda request: request.status == 503)

    async def _more(self, count: int, what: str, counts: Callable[[Request], bool]) -> None:
        begun = sum(map(counts, self._history))

        async def enough() -> bool:
            return sum(map(counts, self._history)) >= begun + count

        await until(enough, f"{count} requests are {what}")

    @asynccontextmanager
    async def _caller(self) -> AsyncIterator[Writer]:
        async with httpx.AsyncClient(base_url=self._url, timeout=SECONDS) as http:
            yield Writer(self._history, Api(http))

    async def _call(self, chance: random.Random) -> None:
        async with self._caller() as writer:
            while not self._ending.is_set():
                await self.going.wait()
                created = await persistently(writer, writer.create(keyed=True))
                await self._live(writer, created.data["id"], chance)

    async def _live(self, writer: Writer, lead: int, chance: random.Random) -> None:
        """Let a lead live through everything, as far as there is time. What has no key is not sent again."""
        shared = chance.choice(self._shared)
        for _ in range(2):
            await patient(writer.item(lead))
        steps: list[Callable[[], Awaitable[Request]]] = [
            lambda: writer.tags(lead),
            lambda: writer.tags(shared),
            lambda: writer.patch(lead),
            lambda: writer.patch(shared),
            lambda: writer.comment(shared),
            lambda: persistently(writer, writer.comment(shared, keyed=True)),
            lambda: writer.read(shared),
            lambda: writer.archive(lead),
        ]
        for step in chance.sample(steps, len(steps)):
            if self._ending.is_set():
                return
            await patient(step())
        if comment := (await patient(writer.comment(lead))).data.get("id"):
            await patient(writer.uncomment(lead, comment))
        await patient(self._end(writer, lead, chance))

    def _end(self, writer: Writer, lead: int, chance: random.Random) -> Awaitable[Request]:
        """End a lead's life, or copy it."""
        ends: Sequence[Callable[[], Awaitable[Request]]] = (
            lambda: writer.clone(lead),
            lambda: persistently(writer, writer.clone(lead, keyed=True)),
            lambda: persistently(writer, writer.convert(lead, keyed=True, send_welcome_email="yes")),
            lambda: writer.delete(lead),
            lambda: self._merge(writer, lead, keyed=False),
            lambda: self._merge(writer, lead, keyed=True),
            lambda: writer.convert(lead),
            lambda: writer.convert(lead, send_welcome_email="yes"),
            lambda: writer.convert(lead, send_welcome_email="yes", delete_lead="yes"),
        )
        return chance.choice(ends)()

    async def _merge(self, writer: Writer, lead: int, *, keyed: bool) -> Request:
        """Merge a lead into a new one, which has an item of its own."""
        target = (await persistently(writer, writer.create(keyed=True))).data["id"]
        await patient(writer.item(target))
        merging = writer.merge(target, lead, keyed=keyed)
        return await (persistently(writer, merging) if keyed else merging)


async def patient(sending: Awaitable[Request]) -> Request:
    """Await a request; wait a little if it was not acknowledged."""
    request = await sending
    if not request.done:
        await asyncio.sleep(BACK_OFF)
    return request


async def persistently(writer: Writer, sending: Awaitable[Request]) -> Request:
    """Send a request with a key again and again, until it is acknowledged."""
    end = monotonic() + SECONDS
    request = await patient(sending)
    while not request.done:
        assert monotonic() < end, request
        assert request.status in (None, 409, 503), request
        await patient(writer.repeat(request))
    return request


async def made(create: Callable[[], Awaitable[Request]]) -> int:
    """Make something, and return its id. A service may be late on a busy machine, so it is asked again."""
    end = monotonic() + SECONDS
    while not (request := await patient(create())).done:
        assert monotonic() < end, request
    number: int = request.data["id"]
    return number
