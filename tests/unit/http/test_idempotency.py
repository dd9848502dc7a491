"""What handlers of keyed requests may not do (app/leads_api/http/idempotency.py)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.errors import Conflict
from leads_api.http.exchange import Exchange
from leads_api.http.idempotency import Idempotency, Key, StillRunning
from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.transaction import SerialWork

KEY = Key("1:key", b"fingerprint")


@pytest.fixture
def database() -> Database:
    database: Database = AsyncMongoMockClient()["leads"]
    return database


def exchange() -> Exchange:
    scope: Any = {"method": "POST", "path": "/api/things", "query_string": b"", "headers": []}
    nothing: Any = None
    return Exchange(scope, nothing, nothing)


async def answer(database: Database, handle: Callable[[], Awaitable[None]], asked: Exchange) -> None:
    await Idempotency(IdempotencyStore(database), Memory()).answer(KEY, asked, handle)


async def test_a_handler_that_writes_outside_of_a_transaction_fails(database: Database) -> None:
    asked = exchange()

    async def handle() -> None:
        await database["things"].insert_one({"_id": 1})
        asked.reply(201, {}, b"{}")

    with pytest.raises(RuntimeError, match="must write through"):
        await answer(database, handle, asked)

    assert await database["idempotency_keys"].count_documents({}) == 0


async def test_a_handler_that_writes_in_two_transactions_fails(database: Database) -> None:
    asked, transact = exchange(), SerialWork(IdempotencyStore(database))

    async def work(_: object) -> None:
        """Write nothing."""

    async def handle() -> None:
        await transact(work, records=[])
        await transact(work, records=[])
        asked.reply(201, {}, b"{}")

    with pytest.raises(RuntimeError, match="in one transaction"):
        await answer(database, handle, asked)

    assert await database["idempotency_keys"].count_documents({}) == 0


@pytest.mark.parametrize(("status", "recorded"), [(200, 1), (202, 1), (404, 0), (303, 0)])
async def test_only_a_success_is_recorded(database: Database, status: int, recorded: int) -> None:
    asked, transact = exchange(), SerialWork(IdempotencyStore(database))

    async def work(_: object) -> None:
        """Write nothing."""

    async def handle() -> None:
        await transact(work, records=[])
        asked.reply(status, {}, b"{}")

    await answer(database, handle, asked)

    assert asked.answer == (status, {}, b"{}")
    assert await database["idempotency_keys"].count_documents({}) == recorded


@pytest.fixture
def nothing_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database have members that have acknowledged no record yet. So none is found."""

    async def not_yet(*_: object) -> None: ...

    monkeypatch.setattr(IdempotencyStore, "find", not_yet)


@pytest.mark.usefixtures("nothing_acknowledged")
async def test_a_refusal_because_of_a_commit_that_is_not_acknowledged_yet_is_told_as_still_running(
    database: Database,
) -> None:
    async def handle() -> None:
        raise Conflict("There is one already.")

    with pytest.raises(Conflict, match="There is one already"):
        await answer(database, handle, exchange())
    await database["idempotency_keys"].insert_one({"_id": KEY.identity})

    with pytest.raises(StillRunning):
        await answer(database, handle, exchange())


@pytest.mark.usefixtures("nothing_acknowledged")
async def test_a_repetition_that_is_refused_before_such_a_commit_is_acknowledged_is_told_as_still_running(
    database: Database,
) -> None:
    idempotency = Idempotency(IdempotencyStore(database), Memory())
    assert not await idempotency.answered_meanwhile(KEY, exchange())
    await database["idempotency_keys"].insert_one({"_id": KEY.identity})

    with pytest.raises(StillRunning):
        await idempotency.answered_meanwhile(KEY, exchange())
