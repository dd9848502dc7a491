"""Calls that travel together (app/mongo/batching.py)."""

import asyncio

import pytest

from app.errors import Unavailable
from app.mongo import batching
from app.mongo.batching import Batcher


class Desk:
    """Performs batches when it is told to, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._gates: list[asyncio.Event] = []
        self._came = asyncio.Condition()

    async def perform(self, requests: list[int]) -> list[int | Exception]:
        gate = asyncio.Event()
        self.batches.append(requests)
        self._gates.append(gate)
        async with self._came:
            self._came.notify_all()
        await gate.wait()
        return [ValueError(request) if request < 0 else request * 10 for request in requests]

    async def came(self, count: int) -> None:
        """Wait until so many batches are, or were, under way."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.batches) >= count)

    def finish(self, batch: int) -> None:
        self._gates[batch].set()


def ask(batcher: Batcher[int, int], *requests: int) -> list[asyncio.Task[int]]:
    async def asked(request: int) -> int:
        return await batcher(request)

    return [asyncio.create_task(asked(request)) for request in requests]


async def crowded(desk: Desk, *requests: int) -> tuple[Batcher[int, int], list[asyncio.Task[int]]]:
    """Fill all places under way, and let some requests wait behind them."""
    batcher = Batcher(desk.perform, seconds=60)
    first = []
    for place in range(batching.IN_FLIGHT):
        first += ask(batcher, place)
        await desk.came(place + 1)
    waiting = ask(batcher, *requests)
    await asyncio.sleep(0)
    return batcher, [*first, *waiting]


async def test_a_lone_request_waits_for_nobody() -> None:
    desk = Desk()
    batcher = Batcher(desk.perform, seconds=60)

    (answer,) = ask(batcher, 7)
    await desk.came(1)
    desk.finish(0)

    assert await answer == 70
    assert desk.batches == [[7]]


async def test_what_waits_travels_together_and_everyone_gets_their_own_answer() -> None:
    desk = Desk()
    _, answers = await crowded(desk, *range(100, 200))

    desk.finish(0)
    await desk.came(batching.IN_FLIGHT + 1)
    for batch in range(1, batching.IN_FLIGHT + 1):
        desk.finish(batch)

    assert desk.batches[batching.IN_FLIGHT] == list(range(100, 200))
    assert [await answer for answer in answers] == [0, 10, *range(1000, 2000, 10)]


async def test_a_request_never_joins_a_batch_that_was_sent() -> None:
    desk = Desk()
    batcher, _ = await crowded(desk, 5)
    desk.finish(0)
    await desk.came(batching.IN_FLIGHT + 1)

    late = ask(batcher, 6)
    await asyncio.sleep(0)
    for batch in range(1, batching.IN_FLIGHT + 1):
        desk.finish(batch)
    await desk.came(batching.IN_FLIGHT + 2)
    desk.finish(batching.IN_FLIGHT + 1)

    assert await late[0] == 60
    assert desk.batches[batching.IN_FLIGHT :] == [[5], [6]]


async def test_one_that_fails_does_not_fail_the_others() -> None:
    desk = Desk()
    _, answers = await crowded(desk, 3, -1, 4)

    desk.finish(0)
    await desk.came(batching.IN_FLIGHT + 1)
    for batch in range(1, batching.IN_FLIGHT + 1):
        desk.finish(batch)

    outcomes = await asyncio.gather(*answers[batching.IN_FLIGHT :], return_exceptions=True)
    assert outcomes[0] == 30
    assert isinstance(outcomes[1], ValueError)
    assert outcomes[2] == 40


async def test_a_caller_who_goes_disturbs_nobody() -> None:
    desk = Desk()
    _, answers = await crowded(desk, 3, 4, 5)
    sent, waiting = answers[0], answers[batching.IN_FLIGHT + 1]

    sent.cancel()
    waiting.cancel()
    await asyncio.gather(sent, waiting, return_exceptions=True)
    desk.finish(0)
    await desk.came(batching.IN_FLIGHT + 1)
    for batch in range(1, batching.IN_FLIGHT + 1):
        desk.finish(batch)

    assert desk.batches[batching.IN_FLIGHT] == [3, 5]
    assert [await answers[batching.IN_FLIGHT], await answers[batching.IN_FLIGHT + 2]] == [30, 50]


async def test_a_batch_that_fails_as_a_whole_is_every_callers_failure_and_the_next_one_works() -> None:
    fails = True

    async def perform(requests: list[int]) -> list[int | Exception]:
        if fails:
            raise ConnectionError
        return list(requests)

    batcher = Batcher(perform, seconds=60)

    outcomes = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)
    fails = False

    assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
    assert await batcher(4) == 4


async def test_too_many_who_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 3)
    desk = Desk()
    batcher, answers = await crowded(desk, 1, 2, 3)

    with pytest.raises(Unavailable):
        await batcher(4)

    desk.finish(0)
    await desk.came(batching.IN_FLIGHT + 1)
    for batch in range(1, batching.IN_FLIGHT + 1):
        desk.finish(batch)
    assert await asyncio.gather(*answers) == [0, 10, 10, 20, 30]


async def test_draining_waits_for_all_that_wait() -> None:
    desk = Desk()
    batcher, answers = await crowded(desk, 1, 2, 3)
    draining = asyncio.create_task(batcher.drain())

    for batch in range(batching.IN_FLIGHT):
        desk.finish(batch)
    await desk.came(batching.IN_FLIGHT + 1)
    still = not draining.done()
    desk.finish(batching.IN_FLIGHT)
    await draining

    assert still
    assert all(answer.done() for answer in answers)
