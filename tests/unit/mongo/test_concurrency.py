"""Whose turn it is (app/leads_api/mongo/concurrency.py)."""

import asyncio
import gc

import pytest

from leads_api.mongo.concurrency import CHANGES_AT_ONCE, LISTS_AT_ONCE, ConcurrencyLimits


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

    assert len(limits._changing) == 0


async def test_so_many_lists_are_read_at_once() -> None:
    limits = ConcurrencyLimits()
    for _ in range(LISTS_AT_ONCE):
        await limits.lists.acquire()

    assert limits.lists.locked()
