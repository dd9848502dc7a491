"""Whose turn it is (app/leads_api/mongo/concurrency.py)."""

import asyncio
import gc
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest

from leads_api.errors import Unavailable
from leads_api.mongo import concurrency
from leads_api.mongo.client import LEAST_SECONDS, DeadlinePassed, deadline
from leads_api.mongo.concurrency import (
    CHANGES_AT_ONCE,
    LISTS_AT_ONCE,
    TRANSACTIONS_AT_ONCE,
    ConcurrencyLimits,
    Turns,
)


class Crowd:
    """Callers who hold their turn until they are told to end."""

    def __init__(self) -> None:
        self.within: list[int] = []
        self.ending = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def change(self, concurrency: ConcurrencyLimits, record: int, collection: str = "leads") -> None:
        async def changing() -> None:
            async with concurrency.change(collection, record):
                self.within.append(record)
                await self.ending.wait()

        self.tasks.append(asyncio.create_task(changing()))
        for _ in range(10):
            await asyncio.sleep(0)

    async def hold(self, *turns: AbstractAsyncContextManager[None]) -> None:
        async def holding() -> None:
            async with AsyncExitStack() as stack:
                for turn in turns:
                    await stack.enter_async_context(turn)
                self.within.append(0)
                await self.ending.wait()

        self.tasks.append(asyncio.create_task(holding()))
        for _ in range(10):
            await asyncio.sleep(0)

    async def end(self) -> None:
        self.ending.set()
        await asyncio.gather(*self.tasks)


async def test_so_many_changes_are_under_way_and_the_next_one_waits_for_one_of_them() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    for record in range(CHANGES_AT_ONCE + 1):
        await crowd.change(limits, record)
    at_once = list(crowd.within)
    await crowd.end()

    assert at_once == list(range(CHANGES_AT_ONCE))
    assert crowd.within == list(range(CHANGES_AT_ONCE + 1))


async def test_changes_of_one_record_take_one_turn_however_many_they_are() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    for _ in range(2 * CHANGES_AT_ONCE):
        await crowd.change(limits, 1)
    for record in range(2, CHANGES_AT_ONCE + 1):
        await crowd.change(limits, record)
    at_once = list(crowd.within)
    await crowd.end()

    assert at_once == list(range(1, CHANGES_AT_ONCE + 1))
    assert crowd.within.count(1) == 2 * CHANGES_AT_ONCE


async def test_a_record_of_the_same_id_in_another_collection_is_another_one() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    await crowd.change(limits, 1)
    await crowd.change(limits, 1, "checklists")
    at_once = list(crowd.within)
    await crowd.end()

    assert at_once == [1, 1]


async def test_a_caller_who_goes_while_waiting_leaves_the_turn_to_the_next() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    for _ in range(3):
        await crowd.change(limits, 1)
    crowd.tasks.pop(1).cancel()
    await crowd.end()

    assert crowd.within == [1, 1]


async def test_a_change_that_fails_gives_its_turn_back() -> None:
    limits = ConcurrencyLimits()
    for _ in range(2 * CHANGES_AT_ONCE):
        with pytest.raises(ValueError, match="wrong"):
            async with limits.change("leads", 1):
                raise ValueError("wrong")


async def test_nothing_is_kept_of_records_that_nobody_changes_any_more() -> None:
    limits = ConcurrencyLimits()
    for record in range(100):
        async with limits.change("leads", record):
            pass
    gc.collect()

    assert len(limits._records) == 0


async def test_so_many_lists_are_read_at_once() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    for _ in range(LISTS_AT_ONCE + 1):
        await crowd.hold(limits.lists)
    at_once = len(crowd.within)
    await crowd.end()

    assert at_once == LISTS_AT_ONCE
    assert len(crowd.within) == LISTS_AT_ONCE + 1


async def test_who_holds_several_records_gets_them_in_the_same_order_as_everybody() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    one, other = ("leads", 1), ("leads", 2)
    await crowd.hold(limits.records(one, other, one))
    await crowd.hold(limits.records(other, one))
    at_once = len(crowd.within)
    await asyncio.wait_for(crowd.end(), 10)

    assert at_once == 1
    assert len(crowd.within) == 2


async def test_who_waits_for_a_record_keeps_no_turn_from_the_others() -> None:
    limits, crowd = ConcurrencyLimits(), Crowd()
    for _ in range(2 * TRANSACTIONS_AT_ONCE):
        await crowd.hold(limits.records(("leads", 1)), limits.transactions)
    await crowd.hold(limits.records(("leads", 2)), limits.transactions)
    at_once = len(crowd.within)
    await crowd.end()

    assert at_once == 2


async def test_who_gets_a_turn_after_their_deadline_does_not_take_it(clock: list[float]) -> None:
    turns, crowd = Turns(1, "things"), Crowd()
    await crowd.hold(turns.turn())
    with deadline(5):
        late = asyncio.create_task(held(turns))
    in_time = asyncio.create_task(held(turns))
    await asyncio.sleep(0)
    clock[0] += 5 - LEAST_SECONDS / 2
    await crowd.end()

    with pytest.raises(DeadlinePassed) as refused:
        await late
    await in_time
    assert "things" in refused.value.reason


async def test_who_has_no_time_left_gets_no_turn_even_if_one_is_free() -> None:
    with deadline(LEAST_SECONDS / 2), pytest.raises(DeadlinePassed):
        await held(Turns(1, "things"))


async def test_who_would_wait_for_too_long_is_refused_at_once_and_others_are_not(clock: list[float]) -> None:
    turns, crowd = Turns(1, "things"), Crowd()
    for _ in range(30):
        async with turns.turn():
            clock[0] += 2  # what a turn takes
    for _ in range(2):
        await crowd.hold(turns.turn())

    with deadline(8), pytest.raises(Unavailable) as refused:
        await held(turns)
    with deadline(9):  # 7 s besides the turn itself, of which they wait for 4
        waits = asyncio.create_task(held(turns))
    await asyncio.sleep(0)
    await crowd.end()

    assert refused.value.headers["Retry-After"] == "1"
    assert refused.value.reason == "too many wait for things: 1, for about 4.0 s"
    await waits


async def test_who_has_waited_does_not_begin_what_would_be_cut_off(clock: list[float]) -> None:
    turns, crowd = Turns(1, "things"), Crowd()
    for _ in range(30):
        async with turns.turn():
            clock[0] += 2
    await crowd.hold(turns.turn())
    with deadline(6):
        late = asyncio.create_task(held(turns))
    await asyncio.sleep(0)
    clock[0] += 4.5
    await crowd.end()

    with pytest.raises(DeadlinePassed):
        await late
    with deadline(1):  # nobody is before them
        await held(turns)


async def test_too_many_who_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "MAX_WAITING", 2)
    turns, crowd = Turns(1, "things"), Crowd()
    for _ in range(3):
        await crowd.hold(turns.turn())

    with pytest.raises(Unavailable):
        await held(turns)
    await crowd.end()


async def held(turns: Turns) -> None:
    async with turns.turn():
        pass
