"""When collections are walked through, and by whom (app/leads_api/mongo/migration_runs.py), on the real server."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from leads_api.clock import now
from leads_api.mongo import migration_runs
from leads_api.mongo.client import Client, Database, Document
from leads_api.mongo.migration_runs import BATCH, MigrationRuns, _record
from leads_api.mongo.migrations import Step, bring_up_to_date
from leads_api.setup import STEPS, set_up

OLD = {"a": 1}
THINGS = {"things": [Step(2, {"$set": {"b": 2}})]}


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    """A database of its own."""
    name = f"runs_{os.getpid()}"
    await wire_client.drop_database(name)
    yield wire_client[name]
    await wire_client.drop_database(name)


def server_clock(ahead: timedelta) -> Callable[[Database], Awaitable[datetime]]:
    """Return a clock of the server that is ahead."""

    async def time(_database: Database) -> datetime:
        return now() + ahead

    return time


async def old_things(database: Database, count: int, first: int = 1) -> None:
    await database["things"].insert_many([{"_id": first + n} | OLD for n in range(count)])


async def record(database: Database) -> Document:
    found = await database["migrations"].find_one({"_id": "things"})
    assert found
    return found


async def current(database: Database) -> int:
    return await database["things"].count_documents({"schema_version": 2, "a": 1, "b": 2})


async def test_every_document_is_brought_up_to_date_once_and_the_end_is_noted(database: Database) -> None:
    await old_things(database, 2 * BATCH + 1)

    assert await MigrationRuns(database, THINGS).run_due()

    assert await current(database) == 2 * BATCH + 1
    noted = await record(database)
    assert (noted["changed"], noted["seen"], noted["walks"]) == (2 * BATCH + 1, 2 * BATCH + 1, 1)
    assert noted["finished"] is not None
    assert noted["lease"] is None


async def test_a_new_database_is_not_walked_through(database: Database) -> None:
    await set_up(database)
    await database["leads"].insert_one({"_id": 1} | OLD)

    assert await MigrationRuns(database, STEPS).run_due()

    assert await database["leads"].find_one({"_id": 1}) == {"_id": 1} | OLD
    assert await database["migrations"].count_documents({"finished": {"$ne": None}}) == len(STEPS)


async def test_a_database_of_before_is_walked_through_also_if_it_was_set_up_since(database: Database) -> None:
    await database["leads"].insert_one({"_id": 1} | OLD)
    await set_up(database)

    assert await MigrationRuns(database, STEPS).run_due()

    assert (await database["leads"].find_one({"_id": 1}) or {})["schema_version"] == STEPS["leads"][-1].version


async def test_what_an_old_process_writes_behind_a_walk_is_found_an_hour_and_a_day_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = MigrationRuns(database, THINGS)
    for walks, later in ((1, timedelta()), (2, timedelta(hours=1)), (3, timedelta(days=1))):
        await old_things(database, 1, first=walks)
        await runs.run_due()
        assert await current(database) == walks - (later > timedelta())  # not yet
        monkeypatch.setattr(migration_runs, "server_time", server_clock(2 * later))
        await runs.run_due()
        assert (await current(database), (await record(database))["walks"]) == (walks, walks)

    await old_things(database, 1, first=4)
    monkeypatch.setattr(migration_runs, "server_time", server_clock(timedelta(days=100)))
    await runs.run_due()
    assert await current(database) == 3


async def test_a_later_step_is_done_to_what_was_brought_up_to_date_before(database: Database) -> None:
    await old_things(database, 3)
    await MigrationRuns(database, THINGS).run_due()
    await old_things(database, 1, first=4)

    await MigrationRuns(database, {"things": [*THINGS["things"], Step(3, {"$set": {"c": 3}})]}).run_due()

    assert await database["things"].count_documents({"schema_version": 3, "a": 1, "b": 2, "c": 3}) == 4


async def test_a_database_of_a_later_release_is_left_alone_with_one_warning(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await old_things(database, 1)
    await database["migrations"].insert_one({"_id": "things", "version": 3, "finished": now(), "walks": 1})
    runs = MigrationRuns(database, THINGS)

    for _ in range(3):
        await runs.run_due()
    assert [line for line in caplog.messages if "later release" in line] == caplog.messages[:1] != []
    outcomes = await runs.run_all()

    assert outcomes["things"].changed == 0
    assert await database["things"].find_one({}) == {"_id": 1} | OLD


async def test_a_walk_that_was_cut_off_goes_on_behind_its_last_document(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old_things(database, 2 * BATCH)
    walked: list[int] = []

    async def cut_off(collection: Any, steps: Any, documents: list[Document]) -> Any:
        if walked and walked[-1] == BATCH:
            raise asyncio.CancelledError
        walked.extend(document["_id"] for document in documents)
        return await bring_up_to_date(collection, steps, documents)

    monkeypatch.setattr(migration_runs, "bring_up_to_date", cut_off)
    with pytest.raises(asyncio.CancelledError):
        await MigrationRuns(database, THINGS).run_due()
    assert (await record(database))["last"] == BATCH

    walked.clear()
    await MigrationRuns(database, THINGS).run_due()

    assert walked[0] == BATCH + 1
    assert await current(database) == 2 * BATCH
    assert (await record(database))["changed"] == 2 * BATCH


async def test_a_walk_that_a_release_before_has_not_finished_begins_anew(database: Database) -> None:
    """It has brought what is behind it up to its own version only."""
    await old_things(database, 3)
    unfinished = {"version": 2, "started": now(), "finished": None, "last": 2, "seen": 2, "walks": 0, "lease": None}
    await database["migrations"].insert_one({"_id": "things", "changed": 2} | unfinished)

    await MigrationRuns(database, {"things": [*THINGS["things"], Step(3, {"$set": {"c": 3}})]}).run_due()

    assert await database["things"].count_documents({"schema_version": 3, "b": 2, "c": 3}) == 3


async def test_a_lease_is_respected_until_it_ends(database: Database) -> None:
    await old_things(database, 1)
    runs = MigrationRuns(database, THINGS)
    async with MigrationRuns(database, THINGS)._leased("things") as held:
        assert held
        assert not await runs.run_due()
        assert await current(database) == 0

        await database["migrations"].update_one({}, {"$set": {"lease.until": now() - timedelta(seconds=1)}})
        assert await runs.run_due()

    assert await current(database) == 1


@pytest.mark.parametrize("jump", [timedelta(days=2), timedelta(days=-2)])
async def test_a_process_with_a_wrong_clock_neither_takes_a_lease_nor_keeps_it_for_longer(
    database: Database, jump: timedelta
) -> None:
    await old_things(database, 1)
    async with MigrationRuns(database, THINGS)._leased("things") as held:
        with time_machine.travel(now() + jump, tick=True):
            assert held
            assert not await MigrationRuns(database, THINGS).run_due()

    with time_machine.travel(now() + jump, tick=True):
        async with MigrationRuns(database, THINGS)._leased("things"):
            until = (await record(database))["lease"]["until"]

    assert abs(until - now()) < timedelta(minutes=10)


async def test_a_lease_or_an_end_that_a_wrong_clock_put_far_ahead_holds_nothing_up(database: Database) -> None:
    await old_things(database, 1)
    far = now() + timedelta(days=2)
    await database["migrations"].insert_one(
        _record("things", 2) | {"finished": far, "walks": 1, "lease": {"owner": "gone", "until": far}}
    )

    assert await MigrationRuns(database, THINGS).run_due()

    assert await current(database) == 1
    assert (await record(database))["finished"] < far


async def test_whoever_has_lost_the_lease_stops(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await old_things(database, 2 * BATCH)
    batches = []

    async def robbed(*given: Any) -> Any:
        batches.append(given)
        await database["migrations"].update_one({}, {"$set": {"lease.owner": "another"}})
        return await bring_up_to_date(*given)

    monkeypatch.setattr(migration_runs, "bring_up_to_date", robbed)

    assert not await MigrationRuns(database, THINGS).run_due()

    assert len(batches) == 1
    assert (await record(database))["lease"]["owner"] == "another"


async def test_a_change_at_the_same_moment_is_not_lost(database: Database) -> None:
    def doubled(document: Document) -> Document:
        return {"$set": {"double": 2 * document["a"]}}

    steps = {"things": [Step(2, doubled, reads=("a",))]}
    await old_things(database, BATCH)

    async def change(number: int) -> None:
        for value in range(5):
            await database["things"].update_one({"_id": number}, {"$set": {"a": value}, "$unset": {"double": ""}})
            if await database["things"].find_one({"_id": number, "schema_version": 2}) is not None:
                return

    await asyncio.gather(MigrationRuns(database, steps).run_due(), *(change(n) for n in range(1, 11)))

    async for thing in database["things"].find({"schema_version": 2, "double": {"$exists": True}}):
        assert thing["double"] == 2 * thing["a"]
    assert await database["things"].count_documents({"schema_version": 2}) == BATCH


async def test_a_document_that_the_server_refuses_is_told_and_keeps_no_other_out(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await old_things(database, 3)
    await database["things"].update_one({"_id": 2}, {"$set": {"part": "text"}})
    steps = {"things": [Step(2, {"$set": {"part.inner": 1}})]}

    outcomes = await MigrationRuns(database, steps).run_all()

    assert (outcomes["things"].changed, outcomes["things"].failed) == (2, 1)
    assert "things 2 cannot be migrated" in caplog.text
