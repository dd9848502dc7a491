"""Ending what runs in the background (app/leads_api/tasks.py)."""

import asyncio
from contextlib import suppress

import pytest

from leads_api import tasks


async def stubborn(losses: int) -> None:
    """Lose some cancellations, as Python 3.11's `wait_for` may."""
    for _ in range(losses):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def failing() -> None:
    raise ValueError("wrong")


async def test_tasks_end_also_if_cancellations_are_lost_or_they_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.01)
    background = [asyncio.create_task(work) for work in (stubborn(0), stubborn(3), failing())]
    await asyncio.sleep(0)

    await asyncio.wait_for(tasks.end(*background), 10)

    assert [task.cancelled() for task in background] == [True, True, False]


async def test_what_takes_its_time_to_end_is_not_cancelled_twice() -> None:
    said = asyncio.Event()

    async def last_words() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            said.set()

    task = asyncio.create_task(last_words())
    await asyncio.sleep(0)

    await tasks.end(task)

    assert said.is_set()


async def test_ending_nothing_is_fine() -> None:
    await tasks.end()
