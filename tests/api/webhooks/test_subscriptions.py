"""Webhooks are created, listed, changed and deleted (contract, section 5, "Webhooks")."""

from base64 import b64decode
from datetime import datetime
from typing import Any

from leads_api.mongo.client import Database
from leads_api.webhooks.store import MAX_WEBHOOKS
from tests.api.envelope import assert_fails
from tests.client import RECEIVER, Api, errors


async def test_a_webhook_is_created_with_a_secret_and_shown_without(api: Api) -> None:
    body = {"url": RECEIVER, "description": " Sales ", "events": ["lead.created", "lead.deleted", "lead.created"]}

    answer = await api.post("/api/webhooks", body)
    made = answer.json()["data"]
    secret = made.pop("secret")
    shown = await api.get(f"/api/webhooks/{made['id']}")

    assert (answer.status_code, answer.json()["message"]) == (201, "Webhook created successfully.")
    assert answer.headers["Location"] == f"/api/webhooks/{made['id']}"
    dates = made.pop("dates")
    assert made == {
        "id": 1, "url": RECEIVER, "description": "Sales", "events": ["lead.created", "lead.deleted"], "status": "active"
    }  # fmt: skip
    assert dates["created"] == dates["updated"]
    assert shown.json() == {"data": made | {"dates": dates}, "message": "Webhook retrieved successfully."}
    assert secret.startswith("whsec_")
    assert 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


async def test_no_two_webhooks_have_the_same_secret(api: Api) -> None:
    assert (await api.webhook())["secret"] != (await api.webhook())["secret"]


async def test_all_events_are_a_star(api: Api) -> None:
    made = await api.webhook(events=["lead.created", "*"])

    assert made["events"] == ["*"]


async def test_webhooks_are_listed_in_pages_without_their_secrets(api: Api) -> None:
    made = [await api.webhook(description=str(number)) for number in range(3)]

    answer = await api.get("/api/webhooks", limit=2, page=2)

    assert answer.json() == {
        "data": [{name: value for name, value in made[2].items() if name != "secret"}],
        "meta": {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2},
        "message": "Webhooks retrieved successfully.",
    }


async def test_a_change_merges(api: Api) -> None:
    made = await api.webhook(description="Sales")

    answer = await api.patch(f"/api/webhooks/{made['id']}", {"url": f"{RECEIVER}/new", "description": None})

    changed = answer.json()["data"]
    assert answer.json()["message"] == "Webhook updated successfully."
    assert (changed["url"], changed["description"], changed["events"]) == (f"{RECEIVER}/new", None, ["*"])
    assert datetime.fromisoformat(changed["dates"]["updated"]) >= datetime.fromisoformat(made["dates"]["updated"])
    assert "secret" not in changed


async def test_a_webhook_can_be_disabled_and_activated(api: Api) -> None:
    path = f"/api/webhooks/{(await api.webhook())['id']}"

    disabled = await api.patch(path, {"status": "disabled"})
    active = await api.patch(path, {"status": "active"})

    assert disabled.json()["data"]["status"] == "disabled"
    assert active.json()["data"]["status"] == "active"
    assert errors(await api.patch(path, {"status": None})) == {"status": ["The status field is required."]}


async def test_nothing_can_be_sent_to_a_disabled_webhook(api: Api) -> None:
    path = f"/api/webhooks/{(await api.webhook())['id']}"
    delivery = (await api.post(f"{path}/test")).json()["data"]["id"]
    await api.patch(path, {"status": "disabled"})

    for action in ("test", f"deliveries/{delivery}/redeliver"):
        answer = await api.post(f"{path}/{action}")
        assert_fails(answer, 409, "The webhook is disabled. Set its status to active first.")


async def test_a_deleted_webhook_is_gone_with_its_deliveries(api: Api) -> None:
    path = f"/api/webhooks/{(made := await api.webhook())['id']}"
    await api.post(f"{path}/test")

    answer = await api.delete(path)

    assert answer.json() == {"data": {"id": made["id"]}, "message": "Webhook deleted successfully."}
    for gone in (path, f"{path}/deliveries"):
        assert_fails(await api.get(gone), 404, "Webhook not found.")
    assert (await api.get("/api/webhooks")).json()["data"] == []


async def test_a_new_secret_is_shown_once(api: Api) -> None:
    made = await api.webhook()

    answer = await api.post(f"/api/webhooks/{made['id']}/secret")

    assert (answer.status_code, answer.json()["message"]) == (200, "Webhook secret renewed successfully.")
    renewed = answer.json()["data"]
    assert renewed["secret"] != made["secret"]
    assert renewed | {"secret": 0, "dates": 0} == made | {"secret": 0, "dates": 0}
    assert renewed["secret"] not in (await api.get(f"/api/webhooks/{made['id']}")).text


async def test_a_repeated_creation_with_the_same_key_has_the_same_secret(api: Api) -> None:
    headers = {"Idempotency-Key": "key-1"}
    body = {"url": RECEIVER, "events": ["*"]}

    first, second = [await api.post("/api/webhooks", body, headers=headers) for _ in range(2)]

    assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (await api.get("/api/webhooks")).json()["meta"]["total"] == 1


FAULTS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"url": None}, {"url": "The url field is required."}),
    ({"url": 1}, {"url": "The url field must be a string."}),
    ({"events": None}, {"events": "The events field is required."}),
    ({"events": []}, {"events": "The events field is required."}),
    ({"events": "*"}, {"events": "The events field must be an array."}),
    ({"events": ["*", "lead.moved"]}, {"events.1": "The selected events.1 is invalid."}),
    ({"events": ["webhook.test"]}, {"events.0": "The selected events.0 is invalid."}),
    ({"description": "x" * 251}, {"description": "The description field must not be greater than 250 characters."}),
    ({"url": f"{RECEIVER}?{'x' * 2048}"}, {"url": "The url field must not be greater than 2048 characters."}),
    ({"status": "disabled"}, {"status": "The status field is not recognised."}),
    ({"secret": "whsec_AA=="}, {"secret": "The secret field is not recognised."}),
    (
        {"url": "ftp://a", "events": ["x"]},
        {
            "url": "The url field must be an http or https URL in ASCII, without user, password and fragment.",
            "events.0": "The selected events.0 is invalid.",
        },
    ),
]


async def test_faults_are_told_by_field(api: Api) -> None:
    for fields, found in FAULTS:
        answer = await api.post("/api/webhooks", {"url": RECEIVER, "events": ["*"]} | fields)
        assert errors(answer) == {name: [text] for name, text in found.items()}, fields


async def test_the_number_of_webhooks_is_limited(api: Api, database: Database) -> None:
    await database["webhooks"].insert_many([{"_id": 1000 + number} for number in range(MAX_WEBHOOKS - 1)])
    last = await api.webhook()

    refused = await api.post("/api/webhooks", {"url": RECEIVER, "events": ["*"]})
    await api.delete(f"/api/webhooks/{last['id']}")

    assert_fails(refused, 409, "There are already 100 webhooks. Delete one that is not needed.")
    await api.webhook()


async def test_a_test_is_a_pending_delivery(api: Api, store: str) -> None:
    path = f"/api/webhooks/{(await api.webhook())['id']}"

    answer = await api.post(f"{path}/test")

    delivery = answer.json()["data"]
    assert (answer.status_code, answer.json()["message"]) == (202, "Webhook test queued successfully.")
    assert delivery["next_attempt"] is not None
    assert delivery | {"next_attempt": 0, "dates": 0} == {
        "id": 1, "event_id": None, "type": "webhook.test", "status": "pending", "attempts": 0, "response_status": None,
        "response_body": None, "error": None, "next_attempt": 0, "dates": 0,
    }  # fmt: skip
    if store == "mock":  # nothing is delivered there
        assert (await api.get(f"{path}/deliveries")).json()["data"] == [delivery]


async def test_deliveries_are_listed_in_pages_newest_first(api: Api) -> None:
    path = f"/api/webhooks/{(await api.webhook())['id']}"
    other = f"/api/webhooks/{(await api.webhook())['id']}"
    ids = [(await api.post(f"{path}/test")).json()["data"]["id"] for _ in range(3)]
    await api.post(f"{other}/test")

    first, second = [(await api.get(f"{path}/deliveries", limit=2, page=page)).json() for page in (1, 2)]

    assert [delivery["id"] for delivery in first["data"] + second["data"]] == ids[::-1]
    assert second["meta"] == {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2}
    assert second["message"] == "Webhook deliveries retrieved successfully."


async def test_a_delivery_of_another_webhook_is_not_found(api: Api) -> None:
    path = f"/api/webhooks/{(await api.webhook())['id']}"
    delivery = (await api.post(f"{path}/test")).json()["data"]["id"]
    other = f"/api/webhooks/{(await api.webhook())['id']}"

    assert_fails(await api.post(f"{other}/deliveries/{delivery}/redeliver"), 404, "Delivery not found.")
    assert (await api.post(f"{path}/deliveries/{delivery}/redeliver")).status_code == 202
