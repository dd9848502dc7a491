"""Deliveries are signed as in Standard Webhooks 1.0 (contract, section 5, "Webhooks")."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.client import Api
from tests.simulators.receiver import Receiver, answer
from tests.wire.webhooks.queue import Queue, ping


async def test_a_test_is_sent_at_once_and_verified_by_the_standard_library(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    made = await api.webhook(receiver.url("/hooks?token=a"))

    delivery = await ping(api, made)
    (request,) = await receiver.received()
    await queue.until("delivered")

    event = request.verified(made["secret"])
    assert request.line == "POST /hooks?token=a HTTP/1.1"
    assert request.headers["webhook-id"] == f"msg_{delivery['id']}"
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 120
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("leads-api/")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert list(event) == ["id", "type", "timestamp", "data"]
    assert (event["id"], event["type"], event["data"]) == (None, "webhook.test", {"webhook_id": made["id"]})
    assert datetime.fromisoformat(event["timestamp"])


async def test_a_changed_body_or_another_secret_is_not_verified(api: Api, receiver: Receiver) -> None:
    made, other = await api.webhook(receiver.url()), await api.webhook(receiver.url())

    await ping(api, made)
    (request,) = await receiver.received()

    with pytest.raises(WebhookVerificationError):
        request.verified(other["secret"])
    with pytest.raises(WebhookVerificationError):
        type(request)(request.line, request.headers, request.body + b" ", 0).verified(made["secret"])


async def test_for_a_day_the_old_secret_signs_beside_the_new_one(api: Api, receiver: Receiver, queue: Queue) -> None:
    made = await api.webhook(receiver.url())
    # Twice, as somebody does who did not get the first answer.
    lost, new = [(await api.post(f"/api/webhooks/{made['id']}/secret")).json()["data"]["secret"] for _ in range(2)]
    await ping(api, made)
    (within,) = await receiver.received()
    stored = await queue.webhooks.find_one({})
    assert stored
    past = datetime.now(UTC) - timedelta(seconds=1)
    await queue.webhooks.update_one({}, {"$set": {f"old_secrets.{at}.until": past for at in range(2)}})
    await ping(api, made)
    _, after = await receiver.received(2)

    for each in stored["old_secrets"]:
        assert abs(each["until"] - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=5)
    assert within.verified(made["secret"]) == within.verified(lost) == within.verified(new)
    assert after.verified(new)
    with pytest.raises(WebhookVerificationError):
        after.verified(made["secret"])


async def test_the_id_is_the_same_in_all_attempts_and_the_timestamp_is_that_of_the_attempt(
    api: Api, receiver: Receiver, queue: Queue
) -> None:
    receiver.behave(answer(500))
    made = await api.webhook(receiver.url())
    await ping(api, made)
    await queue.until_tried(1)
    moved = datetime.now(UTC) - timedelta(seconds=100)
    first = dict(receiver.requests[0].headers)
    await queue.make_due()
    await queue.until("delivered")

    _, second = receiver.requests
    assert second.headers["webhook-id"] == first["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) >= int(first["webhook-timestamp"]) > moved.timestamp()
    assert second.body == receiver.requests[0].body
    second.verified(made["secret"])


async def test_the_trace_of_the_request_goes_on(api: Api, receiver: Receiver) -> None:
    made = await api.webhook(receiver.url())
    trace = "0af7651916cd43dd8448eb211c80319c"

    await api.post(f"/api/webhooks/{made['id']}/test", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    (request,) = await receiver.received()

    assert request.headers["traceparent"].split("-")[1] == trace
