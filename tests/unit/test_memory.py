"""The budget of memory that lists hold (app/leads_api/memory.py)."""

import asyncio
from contextvars import Context
from typing import Any

import pytest

from leads_api.errors import Unavailable
from leads_api.memory import Memory

PATIENCE = 60.0


class Holder:
    """A request that holds memory until it has been answered."""

    def __init__(self, memory: Memory, size: int) -> None:
        self.holds, self.answered = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(memory, size), context=Context())

    async def _run(self, memory: Memory, size: int) -> None:
        try:
            await memory.hold(size)
            self.holds.set()
            await self.answered.wait()
        finally:
            memory.release()

    async def end(self) -> None:
        self.answered.set()
        await self.task


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_finds_too_little_waits_until_it_has_been_returned_in_order_of_arrival() -> None:
    memory = Memory(100, wait_seconds=PATIENCE)
    first, second = Holder(memory, 60), Holder(memory, 40)
    large, small = Holder(memory, 50), Holder(memory, 1)
    await settled()
    held = [holder.holds.is_set() for holder in (first, second, large, small)]

    await second.end()
    await settled()
    after_one = [holder.holds.is_set() for holder in (large, small)]
    await first.end()
    await settled()

    assert held == [True, True, False, False]
    assert after_one == [False, False]  # the small one does not overtake
    assert large.holds.is_set()
    assert small.holds.is_set()
    await large.end()
    await small.end()


async def test_who_waits_too_long_is_refused_and_lets_the_next_one_go_on() -> None:
    memory = Memory(100, wait_seconds=0.01)
    first = Holder(memory, 60)
    await settled()

    with pytest.raises(Unavailable):
        await memory.hold(50)
    await memory.hold(40)

    memory.release()
    await first.end()


async def test_who_would_wait_behind_more_than_all_is_refused_at_once() -> None:
    memory = Memory(100, wait_seconds=PATIENCE)
    first, second, third = Holder(memory, 100), Holder(memory, 60), Holder(memory, 60)
    await settled()

    with pytest.raises(Unavailable) as refused:
        await memory.hold(1)

    assert "2" in refused.value.reason
    for holder in (first, second, third):
        await holder.end()


async def test_more_than_all_is_all() -> None:
    memory = Memory(100, wait_seconds=0.01)

    await memory.hold(1_000)
    with pytest.raises(Unavailable):
        await memory.hold(1)
    memory.release()
    await memory.hold(100)

    memory.release()


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_cancelled_while_waiting_takes_nothing(*, granted: bool) -> None:
    memory = Memory(100, wait_seconds=PATIENCE)
    first, second, third = Holder(memory, 100), Holder(memory, 100), Holder(memory, 100)
    await settled()

    if granted:
        first.answered.set()
        await first.task
    second.task.cancel()
    await asyncio.gather(second.task, return_exceptions=True)
    await first.end()
    await asyncio.wait_for(third.holds.wait(), PATIENCE)

    await third.end()


async def test_a_request_holds_nothing_of_another_one() -> None:
    memory: Any = Memory(100, wait_seconds=0.01)
    first = Holder(memory, 100)
    await settled()

    memory.release()

    with pytest.raises(Unavailable):
        await memory.hold(1)
    await first.end()
