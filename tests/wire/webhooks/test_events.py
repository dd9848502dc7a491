"""The events of the feed are sent to the webhooks that want them (contract, section 5, "Webhooks")."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.client import Api, Json
from tests.conftest import Serve
from tests.simulators.receiver import Receiver, answer, when
from tests.wire.process import until
from tests.wire.webhooks.queue import Queue, ping, shown


async def feed(api: Api, count: int) -> list[Json]:
    """Wait until the feed has so many events; return them."""
    found: list[Json] = []

    async def so() -> bool:
        found[:] = (await api.get("/api/events")).json()["data"]
        return len(found) >= count

    await until(so, f"{count} events")
    return found


async def test_each_event_is_sent_as_it_is_in_the_feed(api: Api, receiver: Receiver, queue: Queue) -> None:
    made = await api.webhook(receiver.url())
    lead = await api.lead(lead_title="Acme")
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    await api.delete(f"/api/leads/{lead['id']}")

    events = await feed(api, 3)
    await receiver.received(3)
    await queue.until("delivered", "delivered", "delivered")

    assert [request.verified(made["secret"]) for request in receiver.requests] == events
    assert [event["type"] for event in events] == ["lead.created", "lead.tagged", "lead.deleted"]
    delivered = await shown(api, made)
    assert [(each["event_id"], each["type"]) for each in delivered] == [
        (event["id"], event["type"]) for event in events[::-1]
    ]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 3


async def test_a_webhook_is_told_of_a_gap_whatever_it_wants(api: Api, receiver: Receiver, queue: Queue) -> None:
    made = await api.webhook(receiver.url(), events=["lead.archived"])
    await api.lead()
    (created,) = await feed(api, 1)
    moment = datetime.now(UTC)
    await queue.database["events"].insert_one(
        {"_id": created["id"] + 1, "type": "feed.gap", "at": moment, "written": moment, "schema_version": 2}
    )

    await queue.until("delivered")

    assert receiver.requests[0].verified(made["secret"])["type"] == "feed.gap"


async def test_a_webhook_is_sent_the_types_that_it_wants_and_nothing_older(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    await api.lead()
    await feed(api, 1)
    await api.webhook(receiver.url("/some"), events=["lead.archived", "lead.created"])
    await api.webhook(receiver.url("/none"), events=["lead.converted"])
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    await api.put(f"/api/leads/{lead['id']}/archive")

    await queue.until("delivered", "delivered")
    await feed(api, 4)

    async def all_looked_at() -> bool:
        return await queue.webhooks.count_documents({"position": 4}) == 2

    await queue.until_so(all_looked_at)
    assert [request.event["type"] for request in receiver.requests] == ["lead.created", "lead.archived"]
    assert {request.line.split()[1] for request in receiver.requests} == {"/some"}


async def test_later_events_of_a_lead_wait_and_other_leads_do_not(api: Api, receiver: Receiver, queue: Queue) -> None:
    lead, other = await api.lead(), await api.lead()
    await feed(api, 2)
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url())
    for number in range(3):
        await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [str(number)]})
    await receiver.received(1)
    await queue.until("pending", "pending", "pending")
    await api.put(f"/api/leads/{other['id']}/tags", {"tags": ["other"]})

    await queue.until("pending", "pending", "pending", "delivered")
    waiting = await shown(api, made)
    await queue.make_due(attempts=1)
    await queue.until("delivered", "delivered", "delivered", "delivered")

    sent = [(request.event["data"]["lead_id"], request.event["data"]["version"]) for request in receiver.requests]
    a, b = lead["id"], other["id"]
    assert sent == [(a, 2), (b, 2), (a, 2), (a, 3), (a, 4)]
    assert [each["attempts"] for each in waiting] == [1, 0, 0, 1]


async def test_when_an_event_has_failed_for_good_the_later_ones_of_its_lead_go_on(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    lead = await api.lead()
    await feed(api, 1)
    receiver.behave(answer(500), answer(500))
    await api.webhook(receiver.url())
    for number in range(2):
        await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [str(number)]})
    await queue.until("pending", "pending")
    await receiver.received(1)

    async def tried() -> bool:
        return await queue.deliveries.count_documents({"attempts": 1, "lease": None}) == 1

    await queue.until_so(tried)
    await queue.deliveries.update_one({"attempts": 1}, {"$set": {"failures": 9}})
    await queue.make_due(attempts=1)
    await queue.until("failed", "delivered")


async def test_a_redelivery_lets_the_later_events_of_its_lead_be_sent_soon_even_by_another_process(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    lead = await api.lead()
    await feed(api, 1)
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url())
    for number in range(2):
        await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [str(number)]})
    await queue.until("pending", "pending")
    await queue.until_so(lambda: first_tried(queue))
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    async def put_off() -> bool:  # a worker may just be looking whether the second one must wait
        await queue.deliveries.update_many({"lease": None}, {"$set": {"due": tomorrow}})
        return {(each["due"], each["lease"]) for each in await queue.all()} == {(tomorrow, None)}

    await queue.until_so(put_off)
    ready = asyncio.Event()
    receiver.behave(when(ready, answer()))

    (first, _) = await queue.all()
    await api.post(f"/api/webhooks/{made['id']}/deliveries/{first['_id']}/redeliver")
    await receiver.received(2)
    (_, waiting) = await queue.all()
    ready.set()
    await queue.until("delivered", "delivered")

    assert waiting["due"] - datetime.now(UTC) < timedelta(minutes=5)


async def first_tried(queue: Queue) -> bool:
    """Tell whether one delivery was sent, and none is being sent."""
    return [each["attempts"] for each in await queue.all() if each["lease"] is None] == [1, 0]


async def test_under_load_each_event_arrives_once_and_per_lead_in_order(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    await api.webhook(receiver.url())
    leads = [(await api.lead())["id"] for _ in range(6)]

    async def change(lead: int) -> None:
        for number in range(8):
            await api.put(f"/api/leads/{lead}/tags", {"tags": [str(number)]})

    await asyncio.gather(*(change(lead) for lead in leads))
    await queue.until(*["delivered"] * 54)

    versions: dict[int, list[int]] = defaultdict(list)
    for request in receiver.requests:
        data: Any = request.event["data"]
        versions[data["lead_id"]].append(data["version"])
    assert versions == {lead: list(range(1, 10)) for lead in leads}
    assert 1 < receiver.at_once <= 4


async def test_while_it_is_disabled_events_wait_and_are_sent_when_it_is_active_again(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    made = await api.webhook(receiver.url())
    path = f"/api/webhooks/{made['id']}"
    await api.patch(path, {"status": "disabled"})
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/archive")
    await feed(api, 2)
    other = await api.webhook(receiver.url("/other"))
    await ping(api, other)
    await receiver.received(1)

    await api.patch(path, {"status": "active"})
    await receiver.received(3)

    assert [request.event["type"] for request in receiver.requests] == ["webhook.test", "lead.created", "lead.archived"]


async def test_an_event_is_kept_for_its_delivery_when_the_feed_has_forgotten_it(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(answer(500))
    await api.webhook(receiver.url())
    await api.lead()
    await queue.until_tried(1)
    await queue.database["events"].delete_many({})

    await queue.make_due()
    await queue.until("delivered")

    first, second = receiver.requests
    assert second.body == first.body


async def test_several_services_share_the_work_and_send_each_event_once(
    serve: Serve, receiver: Receiver, queue: Queue
) -> None:
    async with serve() as one, serve() as other:
        await one.webhook(receiver.url())
        await asyncio.gather(*((one, other)[number % 2].lead() for number in range(40)))
        await queue.until(*["delivered"] * 40)

    leads = [request.event["data"]["lead_id"] for request in receiver.requests]
    assert sorted(leads) == sorted(set(leads))
    assert len(leads) == 40
