"""Changes that cannot share a transaction, or whose callers go (app/leads_api/mongo/sharing.py)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from leads_api.errors import Unavailable
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.updates import Updates

Work = Callable[..., Awaitable[Any]]


class Things:
    """A collection that notes which documents were updated alone."""

    name = "things"

    def __init__(self) -> None:
        self.database = type("Database", (), {"client": object()})
        self.alone: list[int] = []
        self.came = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()

    async def update_one(self, wanted: dict[str, Any], _: object) -> Any:
        self.alone.append(wanted["_id"])
        self.came.set()
        await self.free.wait()
        return type("Result", (), {"matched_count": 1})


class Transactions:
    """Refuses transactions as soon as it may."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, _: Work, **__: Any) -> Any:
        self.begun.set()
        await self.may_end.wait()
        raise Unavailable(reason="too many wait for transactions")


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def transactions() -> Transactions:
    return Transactions()


@pytest.fixture
def updates(things: Things, transactions: Transactions, monkeypatch: pytest.MonkeyPatch) -> Updates:
    monkeypatch.setattr("leads_api.mongo.sharing.is_sharded", lambda _: False)
    monkeypatch.setattr("leads_api.mongo.sharing.FEW", 0)
    either: Any = things
    transact: Any = transactions
    return Updates(either, {}, ConcurrencyLimits(), transact)


def change(updates: Updates, number: int) -> asyncio.Task[bool]:
    async def run() -> bool:
        return await updates.update(number, {}, {"$set": {"change": {"number": number}}})

    return asyncio.create_task(run())


async def test_without_a_turn_for_a_transaction_each_goes_alone(
    updates: Updates, things: Things, transactions: Transactions
) -> None:
    transactions.may_end.set()

    assert await asyncio.gather(*(change(updates, number) for number in range(5))) == [True] * 5
    assert transactions.begun.is_set()
    assert sorted(things.alone) == [0, 1, 2, 3, 4]


async def test_on_a_sharded_cluster_each_goes_alone(
    updates: Updates, things: Things, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.mongo.sharing.is_sharded", lambda _: True)

    assert await asyncio.gather(*(change(updates, number) for number in range(5))) == [True] * 5
    assert not transactions.begun.is_set()
    assert sorted(things.alone) == [0, 1, 2, 3, 4]


async def test_a_change_whose_caller_has_gone_is_not_sent_alone(
    updates: Updates, things: Things, transactions: Transactions
) -> None:
    changes = [change(updates, number) for number in range(5)]
    await transactions.begun.wait()

    changes[2].cancel()
    await asyncio.wait([changes[2]])
    transactions.may_end.set()
    await asyncio.gather(*changes, return_exceptions=True)

    assert sorted(things.alone) == [0, 1, 3, 4]


async def test_a_caller_who_goes_takes_the_change_along_that_goes_alone(updates: Updates, things: Things) -> None:
    things.free.clear()
    lone = change(updates, 1)
    async with asyncio.timeout(10):
        await things.came.wait()
        lone.cancel()
        await asyncio.wait([lone])
        await updates.drain()

    assert lone.cancelled()
