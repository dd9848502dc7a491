"""What is left of deleted and disabled webhooks goes (contract, section 5, "Webhooks")."""

from datetime import UTC, datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect

from tests.client import Api
from tests.conftest import Serve
from tests.simulators.receiver import Receiver, answer
from tests.wire.webhooks.queue import Queue, ping


@pytest.fixture(autouse=True)
def sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service sweep all the time."""
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)


async def test_the_deliveries_of_a_deleted_webhook_are_deleted_and_no_others(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(then=answer(500))
    made, other = await api.webhook(receiver.url()), await api.webhook(receiver.url())
    await ping(api, made)
    kept = await ping(api, other)

    await api.delete(f"/api/webhooks/{made['id']}")

    async def gone() -> bool:
        return [delivery["_id"] for delivery in await queue.all()] == [kept["id"]]

    await queue.until_so(gone)


async def test_pending_deliveries_of_a_disabled_webhook_expire_until_it_is_active_again(
    serve: Serve, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(then=answer(500))
    async with serve(event_days=3) as api:
        path = f"/api/webhooks/{(made := await api.webhook(receiver.url()))['id']}"
        await ping(api, made)
        await queue.until_tried(1)
        (pending,) = await queue.all()
        await api.patch(path, {"status": "disabled"})

        async def expires() -> bool:
            (delivery,) = await queue.all()
            return isinstance(delivery.get("expires"), datetime)

        await queue.until_so(expires)
        (expiring,) = await queue.all()
        await api.patch(path, {"status": "active"})

        async def stays() -> bool:
            return not await expires()

        await queue.until_so(stays)

    assert pending.get("expires") is None
    assert timedelta(days=2.9) < expiring["expires"] - datetime.now(UTC) < timedelta(days=3.1)


async def test_what_has_ended_expires_with_the_events(serve: Serve, receiver: Receiver, queue: Queue) -> None:
    async with serve(event_days=3) as api:
        await ping(api, await api.webhook(receiver.url()))
        (delivery,) = await queue.until("delivered")
        indexes = await queue.deliveries.index_information()

    assert timedelta(days=2.9) < delivery["expires"] - datetime.now(UTC) < timedelta(days=3.1)
    assert any(index["key"] == [("expires", 1)] and index.get("expireAfterSeconds") == 1 for index in indexes.values())


async def test_pending_deliveries_of_a_webhook_that_is_active_again_are_kept_at_once(
    api: Api, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.behave(then=answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)
    await queue.until_tried(1)
    soon = datetime.now(UTC) + timedelta(hours=1)
    await queue.webhooks.update_one({}, {"$set": {"status": "disabled"}})
    await queue.deliveries.update_one({}, {"$set": {"expires": soon}})
    monkeypatch.setattr("leads_api.webhooks.management.Webhooks.sweep", never)

    await api.patch(f"/api/webhooks/{made['id']}", {"status": "active"})

    (delivery,) = await queue.all()
    assert delivery["expires"] is None


async def test_a_webhook_whose_deliveries_cannot_be_kept_stays_as_it_was(
    api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/webhooks/{(await api.webhook(receiver.url()))['id']}"
    await api.patch(path, {"status": "disabled"})

    async def fail(*_: object) -> None:
        raise AutoReconnect

    monkeypatch.setattr("leads_api.webhooks.deliveries.DeliveryStore.keep_pending", fail)
    refused = await api.patch(path, {"status": "active"})

    assert refused.status_code == 503
    assert (await api.get(path)).json()["data"]["status"] == "disabled"


async def never(_: object) -> None:
    """Sweep nothing."""
