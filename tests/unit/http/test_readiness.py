"""Readiness is known in the background (app/leads_api/http/health.py)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from threading import Timer

import pytest

from leads_api.errors import Unavailable
from leads_api.http import health
from leads_api.http.health import Readiness
from leads_api.server import drain

PATIENCE = 0.2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", PATIENCE)


@asynccontextmanager
async def watching(ping: Callable[[], Awaitable[None]]) -> AsyncIterator[Readiness]:
    readiness = Readiness(ping)
    readiness.reached = readiness.set_up = True
    watch = asyncio.create_task(readiness.watch())
    yield readiness
    watch.cancel()
    await asyncio.wait({watch})


def told(readiness: Readiness) -> str | None:
    try:
        readiness.check()
    except Unavailable as failure:
        return failure.message
    return None


async def until(readiness: Readiness, message: str | None) -> None:
    async with asyncio.timeout(20):
        while told(readiness) != message:  # noqa: ASYNC110 - it becomes so in a task
            await asyncio.sleep(0.01)


async def test_it_is_told_without_asking_the_database() -> None:
    async def ping() -> None:
        raise AssertionError

    readiness = Readiness(ping)
    readiness.set_up = True

    assert [told(readiness) for _ in range(100)] == [None] * 100


async def test_until_the_database_is_set_up_it_is_told_whether_it_was_reached() -> None:
    async def ping() -> None:
        raise AssertionError

    readiness = Readiness(ping)

    assert told(readiness) == "The database has not been reached yet."
    readiness.reached = True
    assert told(readiness) == "The database is being set up. Please try again in a moment."
    readiness.set_up = True
    assert told(readiness) is None


async def test_a_database_that_fails_or_hangs_is_known_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    state = "well"
    again = asyncio.Event()

    async def ping() -> None:
        await asyncio.sleep(0)
        if state == "fails":
            raise OSError("refused")
        if state == "hangs":
            await again.wait()

    with caplog.at_level(logging.INFO, "leads.health"):
        async with watching(ping) as readiness:
            for fault in ("fails", "hangs"):
                await until(readiness, None)
                again.clear()
                state = fault
                await until(readiness, "The database does not respond.")
                state = "well"
                again.set()
            await until(readiness, None)

    assert [record.message for record in caplog.records] == [
        "not ready: database error: OSError: refused",
        "ready again: the database responds",
        f"not ready: the database has not responded for {PATIENCE} s",
        "ready again: the database responds",
    ]


async def test_an_event_loop_that_stalls_is_no_fault_of_the_database(caplog: pytest.LogCaptureFixture) -> None:
    pings = 0

    async def ping() -> None:
        nonlocal pings
        answered = asyncio.Event()
        loop = asyncio.get_running_loop()
        Timer(PATIENCE / 4, loop.call_soon_threadsafe, [answered.set]).start()
        pings += 1
        loop.call_soon(time.sleep, PATIENCE * 2)
        await answered.wait()

    async with watching(ping) as readiness:
        async with asyncio.timeout(20):
            while pings < 4:  # noqa: ASYNC110 - it becomes so in a task
                await asyncio.sleep(0)
        assert told(readiness) is None

    assert caplog.records == []


async def test_it_is_not_ready_before_it_is_set_up_nor_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ping() -> None:
        return

    async with watching(ping) as readiness:
        readiness.set_up = False
        assert told(readiness) == "The database is being set up. Please try again in a moment."
        readiness.set_up = True
        assert told(readiness) is None
        with monkeypatch.context() as patched:
            patched.setattr(drain.process_drain, "begun", True)
            assert told(readiness) == "The service is shutting down."
        readiness.ended = True
        assert told(readiness) == "The service is shutting down."
