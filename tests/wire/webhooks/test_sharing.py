"""Slow receivers hold up no others; processes share the work, and lose none (contract, section 5, "Webhooks")."""

import asyncio
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leads_api.mongo.client import start_session
from tests.client import Api
from tests.conftest import Serve
from tests.simulators.receiver import Receiver, answer, raw, silence
from tests.wire.process import running
from tests.wire.webhooks.queue import Queue, ping, shown

PATIENT = 240.0
"""Seconds, where time is not what a test is about."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


async def test_a_slow_receiver_holds_up_no_other(api: Api, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.webhooks.client.CALL_SECONDS", PATIENT)
    async with Receiver() as slow, Receiver() as quick:
        slow.behave(then=silence)
        hanging = await api.webhook(slow.url())
        for _ in range(6):
            await ping(api, hanging)
        await slow.received(4)
        made = await api.webhook(quick.url())
        for _ in range(6):
            await ping(api, made)
        await quick.received(6)

        assert {delivery["status"] for delivery in await shown(api, hanging)} == {"pending"}
        assert len(slow.requests) == 4


async def test_a_webhook_whose_turn_fails_holds_up_no_other(
    api: Api, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.fan_out._SECONDS", 0.5)
    locked = await api.webhook(receiver.url("/locked"))
    await api.webhook(receiver.url("/other"))

    async with await start_session(queue.database.client) as session:
        session.start_transaction()
        await queue.webhooks.update_one({"_id": locked["id"]}, {"$set": {"description": "mine"}}, session=session)
        await api.lead()
        await receiver.received(1)
        await session.abort_transaction()
    await receiver.received(2)

    assert [request.line.split()[1] for request in receiver.requests] == ["/other", "/locked"]


async def test_a_receiver_may_take_longer_than_the_database(
    api: Api, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.sender._DATABASE_SECONDS", 0.5)
    receiver.behave(raw(OK, pause=1))

    await ping(api, await api.webhook(receiver.url()))

    await queue.until("delivered")


async def test_ten_thousand_pending_deliveries_cost_no_memory(
    serve: Serve, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.client.CALL_SECONDS", PATIENT)
    monkeypatch.setattr("leads_api.webhooks.sender._DATABASE_SECONDS", PATIENT)
    monkeypatch.setattr("leads_api.webhooks.sender._LAST_SECONDS", 0.1)
    receiver.behave(then=silence)
    async with serve() as api:
        made = await api.webhook(receiver.url())
    document: dict[str, Any] = {
        "webhook": made["id"], "type": "lead.created", "status": "pending", "attempts": 0, "failures": 0, "lease": None,
        "due": datetime(2026, 1, 1, tzinfo=UTC), "body": '{"a": "' + "x" * 1000 + '"}',
    }  # fmt: skip
    for first in range(1, 10_001, 1000):
        await queue.deliveries.insert_many(
            [document | {"_id": number, "event": number, "once": f"1:{number}", "lead": number}
             for number in range(first, first + 1000)]
        )  # fmt: skip

    async with serve():
        tracemalloc.start()
        try:
            await receiver.received(4)
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in range(10):
                await asyncio.sleep(0.1)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert len(receiver.requests) == 4
    assert peak - before < 2_000_000


async def test_a_leased_delivery_is_not_sent_by_another_process_before_its_lease_ends(
    serve: Serve, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(silence)
    async with serve() as api, serve():
        await ping(api, await api.webhook(receiver.url()))
        await receiver.received(1)
        (leased,) = await queue.all()
        other = await api.webhook(receiver.url("/other"))
        await ping(api, other)
        await receiver.received(2)

        assert leased["lease"] is not None
        assert leased["due"] - datetime.now(UTC) > timedelta(seconds=30)
        assert [request.line.split()[1] for request in receiver.requests] == ["/hooks", "/other"]


async def test_what_a_killed_process_was_sending_is_sent_again_by_another(
    server_uri: str, serve: Serve, receiver: Receiver, queue: Queue, tmp_path: Path
) -> None:
    receiver.behave(silence)
    settings: dict[str, Any] = {
        "LEADS_MONGODB_URI": server_uri,
        "LEADS_MONGODB_DATABASE": queue.database.name,
    }
    async with running(tmp_path, **settings) as service:
        made = await service.api.webhook(receiver.url())
        await ping(service.api, made)
        await receiver.received(1)
        service.process.kill()
    (leased,) = await queue.all()
    await queue.deliveries.update_one({}, {"$set": {"due": datetime.now(UTC)}})  # the lease has ended

    async with serve():
        await queue.until("delivered")

    assert leased["lease"] is not None
    first, second = receiver.requests
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body


async def test_a_service_that_ends_lets_an_attempt_in_progress_finish(
    serve: Serve, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(raw(OK, pause=0.5))

    async with serve() as api:
        await ping(api, await api.webhook(receiver.url()))
        await receiver.received(1)

    (delivery,) = await queue.all()
    assert delivery["status"] == "delivered"


async def test_a_service_that_ends_lets_go_of_what_the_receiver_does_not_answer(
    serve: Serve, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.sender._LAST_SECONDS", 0.1)
    receiver.behave(silence)

    async with serve() as api:
        await ping(api, await api.webhook(receiver.url()))
        await receiver.received(1)

    (released,) = await queue.all()
    assert (released["status"], released["lease"], released["attempts"]) == ("pending", None, 0)
    async with serve():
        await queue.until("delivered")


async def test_a_due_time_further_ahead_than_any_pause_counts_as_past(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(answer(500))
    await ping(api, await api.webhook(receiver.url()))
    await queue.until_tried(1)

    await queue.deliveries.update_one({}, {"$set": {"due": datetime.now(UTC) + timedelta(days=4)}})

    await queue.until("delivered")
