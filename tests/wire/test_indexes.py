"""Indexes that a release has changed (app/leads_api/mongo/indexes.py), on the real server."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from leads_api.mongo import indexes
from leads_api.mongo.client import Client, Database, create_indexes
from leads_api.mongo.indexes import Index, ensure
from leads_api.setup import set_up

BY_A = Index("a", (("a", 1),))
BY_A_AND_B = Index("a", (("a", 1), ("b", 1)))
ONCE = Index("a", (("a", 1),), unique=True)


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    """A database whose indexes nobody else needs."""
    name = f"indexes_{os.getpid()}"
    await wire_client.drop_database(name)
    await wire_client[name]["things"].insert_many([{"_id": n, "a": n, "b": n} for n in range(20)])
    yield wire_client[name]
    await wire_client.drop_database(name)


async def there(database: Database) -> dict[str, Any]:
    """Return the indexes by name, without that of `_id`."""
    return {
        name: {field: value for field, value in index.items() if field != "v"}
        for name, index in (await database["things"].index_information()).items()
        if name != "_id_"
    }


async def test_an_index_of_another_name_will_do(database: Database) -> None:
    await database["things"].create_index([("a", 1)], name="made_by_hand")

    await ensure(database, {"things": [BY_A]})

    assert await there(database) == {"made_by_hand": {"key": [("a", 1)]}}


async def test_a_collection_is_created_though_it_needs_no_index(database: Database) -> None:
    for _ in range(2):
        await ensure(database, {"plain": []})

        assert set(await database.list_collection_names()) == {"things", "plain"}


async def test_an_index_with_another_definition_is_replaced(database: Database) -> None:
    await ensure(database, {"things": [BY_A]})

    await ensure(database, {"things": [BY_A_AND_B]})
    assert await there(database) == {"a_2": {"key": [("a", 1), ("b", 1)]}}

    await ensure(database, {"things": [BY_A_AND_B]})
    await ensure(database, {"things": [ONCE]})
    assert await there(database) == {"a": {"key": [("a", 1)], "unique": True}}


async def test_an_index_is_there_at_every_moment_of_its_replacement(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure(database, {"things": [ONCE]})
    moments = []
    build, drop = indexes._build, indexes._drop

    async def looking(work: Any, *arguments: Any) -> None:
        moments.append(await there(database))
        await work(*arguments)
        moments.append(await there(database))

    monkeypatch.setattr(indexes, "_build", lambda *given: looking(build, *given))
    monkeypatch.setattr(indexes, "_drop", lambda *given: looking(drop, *given))

    await ensure(database, {"things": [Index("a", (("a", 1), ("b", 1)), unique=True)]})

    assert [sorted(moment) for moment in moments] == [["a"], ["a", "a_2"], ["a", "a_2"], ["a_2"]]
    with pytest.raises(DuplicateKeyError):
        await database["things"].insert_one({"a": 1, "b": 1})


async def test_an_index_that_cannot_be_built_is_an_error(database: Database) -> None:
    await database["things"].insert_one({"a": 1})

    with pytest.raises(OperationFailure):
        await ensure(database, {"things": [ONCE]})

    assert await there(database) == {}


async def test_what_an_old_process_makes_again_is_no_harm_and_goes_with_the_next_start(database: Database) -> None:
    await ensure(database, {"things": [BY_A]})
    await ensure(database, {"things": [BY_A_AND_B]})

    await database["things"].create_index([("a", 1)], name="a")  # as releases before did
    assert sorted(await there(database)) == ["a", "a_2"]

    await ensure(database, {"things": [BY_A_AND_B]})
    assert sorted(await there(database)) == ["a_2"]


async def test_another_time_of_expiry_changes_the_index_in_its_place(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure(database, {"things": [Index("ended", (("ended", 1),), expire_seconds=100)]})
    monkeypatch.setattr(indexes, "_build", None)

    await ensure(database, {"things": [Index("ended", (("ended", 1),), expire_seconds=200)]})

    assert await there(database) == {"ended": {"key": [("ended", 1)], "expireAfterSeconds": 200}}


async def test_an_index_that_cannot_be_beside_the_old_one_comes_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure(database, {"things": [BY_A]})
    refused = []

    async def strict(*arguments: Any, **options: Any) -> None:
        if await there(database):
            refused.append(True)
            raise OperationFailure("the same keys with other options", 85)
        await create_indexes(*arguments, **options)

    monkeypatch.setattr(indexes, "create_indexes", strict)

    await ensure(database, {"things": [ONCE]})

    assert refused
    assert [index["unique"] for index in (await there(database)).values()] == [True]


async def test_processes_that_replace_an_index_together_do_not_disturb_each_other(database: Database) -> None:
    await ensure(database, {"things": [BY_A]})

    await asyncio.gather(*(ensure(database, {"things": [BY_A_AND_B]}) for _ in range(4)))

    assert await there(database) == {"a_2": {"key": [("a", 1), ("b", 1)]}}


async def test_a_build_that_takes_long_tells_that_it_goes_on_and_how_long_it_took(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = asyncio.Event()

    async def slow(*arguments: Any, **options: Any) -> None:
        await told.wait()

    def watched(text: str, *arguments: object) -> None:
        told.set()

    monkeypatch.setattr(indexes, "create_indexes", slow)
    monkeypatch.setattr(indexes, "REPORT_SECONDS", 0.01)
    monkeypatch.setattr(indexes._log, "info", watched)

    with caplog.at_level("INFO", "leads.indexes"):
        await ensure(database, {"things": [BY_A]})

    assert told.is_set()
    assert [line.split(":")[0].split(" in ")[0] for line in caplog.messages] == ["building indexes", "built indexes"]


async def test_every_build_waits_for_a_majority_and_not_for_each_member(server_uri: str) -> None:
    class Builds(CommandListener):
        quorums: ClassVar[list[Any]] = []

        def started(self, event: CommandStartedEvent) -> None:
            if event.command_name == "createIndexes":
                self.quorums.append(event.command.get("commitQuorum"))

        def succeeded(self, event: CommandSucceededEvent) -> None: ...

        def failed(self, event: CommandFailedEvent) -> None: ...

    client: Any = AsyncMongoClient(server_uri, event_listeners=[Builds()])
    name = f"quorum_{os.getpid()}"
    await set_up(client[name])
    await client.drop_database(name)
    await client.close()

    assert set(Builds.quorums) == {"majority"}
