"""The first start on an empty database (contract, sections 4 and 6)."""

import asyncio
from collections.abc import Callable

from leads_api.mongo.client import Client, Database
from leads_api.setup import INDEXES, set_up
from tests.conftest import Serve

STARTERS = 6
SHIPPED = {
    "lead_statuses": [1, 2, 3, 4, 5, 7],
    "categories": [2, 3],
    "users": [1],
    "catalog": ["catalog"],
    "custom_fields": [],
    "leads": [],
}


async def shipped(database: Database) -> dict[str, list[object]]:
    return {
        name: sorted([document["_id"] async for document in database[name].find({}, {"_id": 1})]) for name in SHIPPED
    }


async def test_several_processes_that_start_together_ship_the_settings_once(
    database: Database, another_client: Callable[[], Client], serve: Serve
) -> None:
    databases = [another_client()[database.name] for _ in range(STARTERS)]

    await asyncio.gather(*(set_up(starter) for starter in databases))

    assert await shipped(database) == SHIPPED
    async with serve() as api:
        listed = (await api.get("/api/lead-statuses")).json()["data"]
        made = [await api.status(), await api.category(), await api.member(), await api.lead()]
    assert [(status["id"], status["position"]) for status in listed] == [(1, 1), (5, 2), (3, 3), (7, 4), (4, 5), (2, 6)]
    assert [record["id"] for record in made] == [8, 4, 2, 1]


async def test_every_index_is_there_however_many_started(
    database: Database, another_client: Callable[[], Client]
) -> None:
    databases = [another_client()[database.name] for _ in range(STARTERS)]

    await asyncio.gather(*(set_up(starter) for starter in databases))

    for collection, wanted in INDEXES.items():
        found = await database[collection].index_information()
        assert found.keys() == {"_id_"} | {index.name for index in wanted}, collection
        for index in wanted:
            assert bool(found[index.name].get("unique")) == index.unique, index.name


async def test_a_start_that_was_cut_off_is_finished_by_the_next(database: Database) -> None:
    await set_up(database)
    await database["catalog"].delete_many({})
    await database["users"].delete_many({})
    await database["lead_statuses"].delete_many({"_id": {"$in": [4, 2]}})

    await set_up(database)

    assert await shipped(database) == SHIPPED


async def test_a_later_start_brings_nothing_back_that_was_deleted_or_renamed(database: Database, serve: Serve) -> None:
    async with serve() as api:
        await api.delete("/api/lead-statuses/7")
        await api.patch("/api/lead-statuses/5", {"title": "Disqualified"})
        before = (await api.get("/api/lead-statuses")).json()

        await set_up(database)

        assert (await api.get("/api/lead-statuses")).json() == before
