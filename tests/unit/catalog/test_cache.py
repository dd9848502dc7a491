"""The cache of settings under load: whoever waits for newer settings shares a refresh, and goes on with the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.catalog.cache import LOOKUPS_PER_SECOND, Catalog, Snapshot
from leads_api.errors import Unavailable
from leads_api.mongo.client import deadline

CALLERS = 700
WAYS = ["snapshot", "refreshed", "looked_up"]


class Desk(Catalog):
    """A catalog whose refreshes wait until they are let go on; each finds the next revision."""

    def __init__(self) -> None:
        client: Any = AsyncMongoMockClient()
        super().__init__(client["leads"], seconds=0.001)
        self.begun = 0
        self.let = asyncio.Event()
        self.stored: int | None = None
        """The revision that the database has, if it does not change with each refresh."""

    async def _refresh(self) -> Snapshot:
        self.begun += 1
        await self.let.wait()
        return await super()._refresh()

    async def _revision(self) -> int:
        return self.begun if self.stored is None else self.stored


async def iterations(until: asyncio.Future[Any]) -> int:
    """Return how many iterations of the event loop go by until something is done."""
    count = 0
    while not until.done():
        await asyncio.sleep(0)
        count += 1
    return count


@pytest.mark.parametrize("way", WAYS)
async def test_all_who_wait_share_a_refresh_and_go_on_together(way: str) -> None:
    desk = Desk()
    ask: Callable[[], Awaitable[Snapshot]] = getattr(desk, way)
    first = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = asyncio.gather(*(ask() for _ in range(CALLERS)))
    await asyncio.sleep(0)
    assert desk.begun == 1

    desk.let.set()
    passed = await iterations(others)

    assert desk.begun == 2  # whoever asks when a refresh has begun needs the next one
    assert passed < 100  # not one for each caller
    assert (await first).revision == 1
    assert {snapshot.revision for snapshot in await others} == {2}


async def test_a_caller_with_little_time_takes_none_from_the_others() -> None:
    desk = Desk()
    with deadline(0.1):
        hasty = asyncio.ensure_future(desk.snapshot())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with deadline(60):
        patient = asyncio.ensure_future(desk.snapshot())
    with deadline(0.1):
        late = asyncio.ensure_future(desk.snapshot())
    await asyncio.sleep(0.11)

    desk.let.set()

    assert (await patient).revision == 2
    assert (await hasty).revision == 1
    with pytest.raises(Unavailable):
        await late


async def test_requests_that_would_be_refused_cause_few_refreshes_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.catalog.cache.monotonic", lambda: 1000.0)
    desk = Desk()
    desk.let.set()

    for _ in range(3 * LOOKUPS_PER_SECOND):
        await desk.looked_up()

    assert desk.begun == LOOKUPS_PER_SECOND


async def test_a_slow_refresh_does_not_bring_older_settings_back(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, slow, loading, load = Desk(), asyncio.Event(), asyncio.Event(), Catalog._load
    desk.let.set()

    async def slowly(catalog: Catalog, revision: int) -> Snapshot:
        if revision == 1:
            loading.set()
            await slow.wait()
        return await load(catalog, revision)

    monkeypatch.setattr(Desk, "_load", slowly)
    desk.stored = 1
    old = asyncio.ensure_future(desk._refresh())
    await loading.wait()
    desk.stored = 2
    new = await desk._refresh()
    desk.stored = 1  # as an answer that was under way for long says
    slow.set()
    await old

    assert new.revision == 2
    assert desk._snapshot is new
