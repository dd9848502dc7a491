"""Ids that are taken ahead (app/leads_api/mongo/ids.py)."""

import asyncio

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo import ids as ids_module
from leads_api.mongo.client import Database
from leads_api.mongo.ids import AHEAD, Ids


@pytest.fixture
async def database() -> Database:
    database: Database = AsyncMongoMockClient()["ids"]
    await Ids(database).begin({"things": 0})
    return database


async def last(database: Database) -> int:
    counter = await database["counters"].find_one({"_id": "things"})
    assert counter
    return int(counter["last"])


async def test_callers_who_are_alone_leave_no_gap(database: Database) -> None:
    assert [await Ids(database).take("things") for _ in range(3)] == [1, 2, 3]


async def test_callers_who_share_an_increment_take_ids_ahead_for_the_next_ones(database: Database) -> None:
    ids = Ids(database)

    assert sorted(await asyncio.gather(*(ids.take("things") for _ in range(5)))) == [1, 2, 3, 4, 5]
    counted = await last(database)
    assert counted == 5 + 5 * AHEAD
    assert [await ids.take("things"), await ids.take("things", 3)] == [6, 9]
    assert await last(database) == counted


async def test_ids_that_were_taken_ahead_are_not_used_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr(ids_module, "monotonic", lambda: seconds[0])
    ids = Ids(database)
    await asyncio.gather(ids.take("things"), ids.take("things"))
    counted = await last(database)

    seconds[0] += ids_module.AHEAD_SECONDS + 0.1

    assert await ids.take("things") == counted + 1


async def test_who_needs_more_ids_than_were_taken_ahead_gets_others(database: Database) -> None:
    ids = Ids(database)
    await asyncio.gather(ids.take("things"), ids.take("things"))
    counted = await last(database)

    many = 3 * AHEAD

    assert await ids.take("things", many) == counted + many


async def test_no_id_is_used_twice_by_two_processes(database: Database) -> None:
    one, other = Ids(database), Ids(database)

    taken = [
        taken
        for _ in range(20)
        for taken in await asyncio.gather(*(ids.take("things") for ids in (one, other) for _ in range(4)))
    ]

    assert len(set(taken)) == len(taken)
