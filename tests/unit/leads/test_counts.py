"""Full counts: one for all who ask, and not many at a time (app/leads_api/leads/counts.py)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from leads_api.errors import Unavailable
from leads_api.leads import counts
from leads_api.leads.counts import FULL_AT_ONCE, Counts
from leads_api.mongo.client import deadline, until
from leads_api.mongo.concurrency import LISTS_AT_ONCE, ConcurrencyLimits


class Leads:
    """A collection with many leads, whose full counts end when they are told to."""

    def __init__(self) -> None:
        self.full: list[int] = []
        self.lates: list[float] = []
        """Their deadlines."""
        self.fails = False
        self._begun = asyncio.Condition()
        self._gates: dict[int, asyncio.Event] = {}

    async def count_documents(self, query: dict[str, Any], limit: int | None = None) -> int:
        if limit is not None:
            return limit
        status: int = query["status"]
        self.full.append(status)
        self.lates.append(until())
        async with self._begun:
            self._begun.notify_all()
        await self._gate(status).wait()
        if self.fails:
            raise ValueError(status)
        return 50_000 + status

    async def begun(self, count: int) -> None:
        """Wait until so many full counts are, or were, under way."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.full) >= count)

    def finish(self, *statuses: int) -> None:
        """Let the full counts of these statuses end, those to come as well."""
        for status in statuses:
            self._gate(status).set()

    def _gate(self, status: int) -> asyncio.Event:
        return self._gates.setdefault(status, asyncio.Event())


@pytest.fixture
def leads() -> Leads:
    return Leads()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in the first place."""
    seconds = [1000.0]
    monkeypatch.setattr(counts, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
async def counting(leads: Any, clock: list[float]) -> AsyncIterator[Counts]:
    counting = Counts(leads, ConcurrencyLimits())
    yield counting
    await counting.end()


def ask(counting: Counts, *statuses: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(counting.of({"status": status})) for status in statuses]


async def test_who_asks_for_the_same_count_waits_for_it_and_others_do_not(leads: Leads, counting: Counts) -> None:
    same = ask(counting, 1, 1, 1)
    await leads.begun(1)
    leads.finish(3)
    other = await asyncio.wait_for(counting.of({"status": 3}), 10)
    waiting = [task.done() for task in same]
    leads.finish(1)

    assert other == 50_003
    assert waiting == [False] * 3
    assert await asyncio.gather(*same) == [50_001] * 3
    assert leads.full == [1, 3]


async def test_a_few_full_counts_are_under_way_at_a_time_and_the_others_come_later(
    leads: Leads, counting: Counts
) -> None:
    statuses = range(1, FULL_AT_ONCE + 3)
    asked = ask(counting, *statuses)
    await leads.begun(FULL_AT_ONCE)
    for _ in range(10):
        await asyncio.sleep(0)
    at_once = len(leads.full)
    leads.finish(*statuses)

    assert at_once == FULL_AT_ONCE
    assert await asyncio.gather(*asked) == [50_000 + status for status in statuses]


async def test_however_many_wait_for_full_counts_lists_find_a_turn(leads: Leads) -> None:
    limits, many = ConcurrencyLimits(), range(1, LISTS_AT_ONCE + 2)
    collection: Any = leads
    counting = Counts(collection, limits)
    asked = ask(counting, *many)
    await leads.begun(FULL_AT_ONCE)

    async with asyncio.timeout(10), limits.lists:
        pass

    leads.finish(*many)
    await asyncio.gather(*asked)


async def test_a_count_goes_on_without_its_caller_and_serves_the_next_one(leads: Leads, counting: Counts) -> None:
    (first,) = ask(counting, 1)
    await leads.begun(1)
    first.cancel()
    (second,) = ask(counting, 1)
    leads.finish(1)

    assert await second == 50_001
    assert leads.full == [1]


async def test_a_count_that_fails_is_not_begun_again_before_its_time(
    leads: Leads, counting: Counts, clock: list[float]
) -> None:
    leads.fails = True
    leads.finish(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="1"):
            await counting.of({"status": 1})
    leads.fails = False
    clock[0] += counts.COUNT_SECONDS

    assert await counting.of({"status": 1}) == 50_001
    assert leads.full == [1, 1]


async def test_a_total_that_is_doubted_is_counted_again_unless_it_is_new(
    leads: Leads, counting: Counts, clock: list[float]
) -> None:
    leads.finish(1)
    await counting.of({"status": 1})

    counting.doubt({"status": 1})
    await counting.of({"status": 1})
    new = list(leads.full)
    clock[0] += counts.DOUBTED_SECONDS + 0.1
    counting.doubt({"status": 1})
    await counting.of({"status": 1})

    assert new == [1]
    assert leads.full == [1, 1]


async def test_the_time_of_a_total_counts_from_when_its_count_began(
    leads: Leads, counting: Counts, clock: list[float]
) -> None:
    (slow,) = ask(counting, 1)
    await leads.begun(1)
    clock[0] += counts.COUNT_SECONDS - 1
    leads.finish(1)
    await slow
    clock[0] += 1

    await counting.of({"status": 1})

    assert leads.full == [1, 1]


async def test_a_count_that_takes_long_is_not_begun_a_second_time(
    leads: Leads, counting: Counts, clock: list[float]
) -> None:
    first = ask(counting, 1)
    await leads.begun(1)
    clock[0] += 2 * counts.COUNT_SECONDS
    later = ask(counting, 1)
    for _ in range(10):
        await asyncio.sleep(0)
    leads.finish(1)

    assert await asyncio.gather(*first, *later) == [50_001] * 2
    assert leads.full == [1]


async def test_a_count_that_nobody_waits_for_any_more_is_not_begun(leads: Leads, counting: Counts) -> None:
    under_way = ask(counting, *range(1, FULL_AT_ONCE + 1))
    await leads.begun(FULL_AT_ONCE)
    gone = ask(counting, 11, 12, 12)
    last = ask(counting, 13)
    for _ in range(10):
        await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    leads.finish(*range(1, FULL_AT_ONCE + 1), 13)

    assert await last[0] == 50_013
    assert leads.full == [*range(1, FULL_AT_ONCE + 1), 13]
    await asyncio.gather(*under_way)


async def test_a_count_is_begun_for_the_last_who_waits_for_it(leads: Leads, counting: Counts) -> None:
    under_way = ask(counting, *range(1, FULL_AT_ONCE + 1))
    await leads.begun(FULL_AT_ONCE)
    first, second = ask(counting, 11, 11)
    for _ in range(10):
        await asyncio.sleep(0)
    first.cancel()
    leads.finish(*range(1, FULL_AT_ONCE + 1), 11)

    assert await second == 50_011
    await asyncio.gather(*under_way)


async def test_a_count_ends_at_the_latest_deadline_of_those_who_waited_for_it(leads: Leads, counting: Counts) -> None:
    with deadline(20):
        asked = ask(counting, 1)
    with deadline(30):
        asked += ask(counting, 1)
        latest = until()
    await leads.begun(1)
    leads.finish(1)
    await asyncio.gather(*asked)

    assert leads.lates == pytest.approx([latest], abs=1)


async def test_counts_that_would_not_be_begun_in_time_are_refused_at_once_and_new_ones_are_made_after_the_load(
    leads: Leads, counting: Counts
) -> None:
    counting._turns._seconds = 1.6  # what a count takes
    with deadline(4.5):
        asked = ask(counting, *range(1, 21))
    for _ in range(10):
        await asyncio.sleep(0)
    refused = [task for task in asked if task.done()]
    waiting = [task for task in asked if not task.done()]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    leads.finish(*range(1, 100))

    with deadline(4.5):
        assert await ask(counting, 99)[0] == 50_099
    assert {type(task.exception()) for task in refused} == {Unavailable}
    assert FULL_AT_ONCE < len(waiting) < 20 - FULL_AT_ONCE
    assert leads.full == [*range(1, FULL_AT_ONCE + 1), 99]
