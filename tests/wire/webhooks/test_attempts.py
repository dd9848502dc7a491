"""Attempts: their pauses, their end, and what disables a webhook (contract, section 5, "Webhooks")."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from leads_api.webhooks.calls import PAUSES
from tests.client import Api, Json
from tests.simulators.receiver import Receiver, answer, when
from tests.wire.webhooks.queue import Queue, ping, shown

HOUR = 3600.0


async def pause_of(queue: Queue, attempts: int) -> timedelta:
    """Wait for so many attempts; return how long it is until the next one."""
    delivery = await queue.until_tried(attempts)
    pause: timedelta = delivery["due"] - delivery["dates"]["updated"]
    return pause


async def disabled(api: Api, webhook: Json) -> bool:
    answer = await api.get(f"/api/webhooks/{webhook['id']}")
    return bool(answer.json()["data"]["status"] == "disabled")


async def test_a_failing_delivery_is_tried_ten_times_over_three_days_and_then_failed(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(then=answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)

    pauses = []
    for attempts in range(1, len(PAUSES) + 1):
        pauses.append((await pause_of(queue, attempts)).total_seconds())
        await queue.make_due()
    (failed,) = await queue.until("failed")

    assert list(PAUSES) == [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
    for pause, expected in zip(pauses, PAUSES, strict=True):
        assert expected <= pause <= 1.1 * expected + 0.001
    assert failed["attempts"] == len(receiver.requests) == 10
    (delivery,) = await shown(api, made)
    assert (delivery["status"], delivery["next_attempt"]) == ("failed", None)
    assert not await disabled(api, made)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("600", 600), ("1", 5), ("0", 5), ("999999999", 24 * HOUR), ("-5", 5), ("soon", 5), ("1.5", 5), ("", 5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 5), ("Wed, 21 Oct 9999 07:28:00 GMT", 24 * HOUR),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 5), ("٣٠٠", 5), (f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}", 5),
    ],
)  # fmt: skip
async def test_a_retry_after_makes_a_pause_longer_and_is_bounded(
    api: Api, receiver: Receiver, queue: Queue, header: str, seconds: float
) -> None:
    receiver.behave(answer(503, Retry_After=header))

    await ping(api, await api.webhook(receiver.url()))
    pause = (await pause_of(queue, 1)).total_seconds()

    assert seconds <= pause <= 1.1 * seconds + 0.001


async def test_a_retry_after_can_be_a_date(api: Api, receiver: Receiver, queue: Queue) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    receiver.behave(answer(429, Retry_After=format_datetime(at, usegmt=True)))

    await ping(api, await api.webhook(receiver.url()))
    delivery = await queue.until_tried(1)

    assert timedelta(0) <= delivery["due"] - at + timedelta(seconds=2) < timedelta(minutes=10)


async def tried(queue: Queue, attempts: int) -> bool:
    """Tell whether the first delivery was sent so often, and is at rest."""
    first, *_ = await queue.all()
    return bool(first["attempts"] >= attempts and first["lease"] is None)


async def test_a_410_fails_the_delivery_and_disables_the_webhook(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(410, b"gone"))
    made = await api.webhook(receiver.url())

    await ping(api, made)
    await queue.until("failed")

    (delivery,) = await shown(api, made)
    assert (delivery["response_status"], delivery["response_body"], delivery["attempts"]) == (410, "gone", 1)
    assert await disabled(api, made)


async def test_nothing_but_failures_for_five_days_disables_the_webhook(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(answer(500), answer(500), answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)
    await queue.until_tried(1)
    first = await queue.webhooks.find_one({})
    assert first
    for days, expected in ((4.9, False), (5.1, True)):
        since = datetime.now(UTC) - timedelta(days=days)
        await queue.webhooks.update_one({}, {"$set": {"failing_since": since}})
        tried = len(receiver.requests) + 1
        await queue.make_due()
        await receiver.received(tried)
        await queue.until_tried(tried)
        assert await disabled(api, made) is expected

    assert abs(first["failing_since"] - datetime.now(UTC)) < timedelta(minutes=5)


async def test_a_webhook_that_was_changed_during_an_attempt_is_not_disabled_by_it(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    ready = asyncio.Event()
    receiver.behave(when(ready, answer(410)))
    made = await api.webhook(receiver.url("/old"))
    await ping(api, made)
    await receiver.received()

    await api.patch(f"/api/webhooks/{made['id']}", {"url": receiver.url("/new")})
    ready.set()
    await queue.until("failed")

    assert not await disabled(api, made)


async def test_an_attempt_that_began_before_a_success_does_not_disable_the_webhook(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    ready = asyncio.Event()
    receiver.behave(when(ready, answer(500)))
    made = await api.webhook(receiver.url())
    since = datetime.now(UTC) - timedelta(days=6)
    await queue.webhooks.update_one({}, {"$set": {"failing_since": since}})
    await ping(api, made)
    await receiver.received()

    await ping(api, made)
    await queue.until("pending", "delivered")
    ready.set()
    await queue.until_so(lambda: tried(queue, 1))

    assert not await disabled(api, made)


async def test_a_success_begins_the_five_days_anew(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)
    await queue.until_tried(1)
    await queue.make_due()
    await queue.until("delivered")

    assert await queue.webhooks.find_one({"failing_since": None}) is not None
    assert not await disabled(api, made)


async def test_a_webhook_that_is_active_again_goes_on(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)
    await queue.until_tried(1)
    path = f"/api/webhooks/{made['id']}"
    await queue.webhooks.update_one({}, {"$set": {"failing_since": datetime(2020, 1, 1, tzinfo=UTC)}})
    await api.patch(path, {"status": "disabled"})
    await queue.make_due()
    other = await api.webhook(receiver.url("/other"))
    await ping(api, other)
    await receiver.received(2)  # the sender has looked for work meanwhile

    await api.patch(path, {"status": "active"})
    await queue.until("delivered", "delivered")

    assert ["/other" in request.line for request in receiver.requests] == [False, True, False]
    assert not await disabled(api, made)


async def test_a_redelivery_is_a_new_round_of_the_same_message(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(410), answer(500), answer(500))
    made = await api.webhook(receiver.url())
    delivery = await ping(api, made)
    await queue.until("failed")
    path = f"/api/webhooks/{made['id']}"
    await api.patch(path, {"status": "active"})

    answered = await api.post(f"{path}/deliveries/{delivery['id']}/redeliver")
    first_pause = await pause_of(queue, 2)
    await queue.make_due()
    second_pause = await pause_of(queue, 3)
    await queue.make_due()
    (ended,) = await queue.until("delivered")

    assert (answered.status_code, answered.json()["message"]) == (202, "Webhook delivery queued successfully.")
    assert answered.json()["data"]["status"] == "pending"
    assert first_pause < timedelta(seconds=6) < timedelta(seconds=299) < second_pause
    assert ended["attempts"] == 4
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1


async def test_a_delivery_that_was_accepted_can_be_sent_again(api: Api, receiver: Receiver, queue: Queue) -> None:
    made = await api.webhook(receiver.url())
    delivery = await ping(api, made)
    (first,) = await queue.until("delivered")

    await api.post(f"/api/webhooks/{made['id']}/deliveries/{delivery['id']}/redeliver")
    await receiver.received(2)
    (second,) = await queue.until("delivered")

    assert first["expires"] - datetime.now(UTC) > timedelta(days=6)
    assert second["attempts"] == 2


async def test_a_new_url_is_used_for_pending_deliveries(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url("/old"))
    await ping(api, made)
    await queue.until_tried(1)

    await api.patch(f"/api/webhooks/{made['id']}", {"url": receiver.url("/new")})
    await queue.make_due()
    await queue.until("delivered")

    assert [request.line.split()[1] for request in receiver.requests] == ["/old", "/new"]


async def test_nothing_is_sent_to_a_deleted_webhook_any_more(api: Api, receiver: Receiver, queue: Queue) -> None:
    receiver.behave(answer(500))
    made, other = await api.webhook(receiver.url("/deleted")), await api.webhook(receiver.url("/other"))
    await ping(api, made)
    await queue.until_tried(1)

    await api.delete(f"/api/webhooks/{made['id']}")
    await queue.make_due()
    await ping(api, other)
    await receiver.received(2)

    assert [request.line.split()[1] for request in receiver.requests] == ["/deleted", "/other"]
