"""Checklist items (contract, section 4, "Checklists")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

ITEMS = "/api/checklists"


def new(lead: int, text: object = "Call") -> Json:
    return {"checklistresource_type": "lead", "checklistresource_id": lead, "checklist_text": text}


@pytest.fixture
async def lead(api: Api) -> int:
    made = await api.lead()
    lead_id: int = made["id"]
    return lead_id


async def test_a_new_item_is_pending_and_last(api: Api, lead: int) -> None:
    await api.item(lead, "First")

    answer = await api.post(ITEMS, new(lead, " Call <back> "))

    assert answer.status_code == 201
    item = answer.json()["data"]
    dates = item.pop("dates")
    assert item == {
        "id": 2,
        "text": "Call <back>",
        "status": "pending",
        "position": 2,
        "resource": {"type": "lead", "id": lead},
        "comments_count": 0,
    }
    assert dates["created"] == dates["updated"]
    assert answer.json()["message"] == "Checklist created successfully."
    assert answer.headers["Location"] == "/api/checklists/2"
    shown = await api.get(f"{ITEMS}/2")
    assert shown.json() == {"data": item | {"dates": dates}, "message": "Checklist retrieved successfully."}


async def test_an_item_can_come_as_a_form(api: Api, lead: int) -> None:
    answer = await api.post(ITEMS, data=new(lead, "Call back"))

    assert answer.status_code == 201
    assert answer.json()["data"]["text"] == "Call back"


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (
            {},
            {
                "checklistresource_type": ["The checklistresource type field is required."],
                "checklistresource_id": ["The checklistresource id field is required."],
                "checklist_text": ["The checklist text field is required."],
            },
        ),
        (
            new(1) | {"checklistresource_type": "client"},
            {"checklistresource_type": ["The selected checklistresource type is invalid."]},
        ),
        (new(999), {"checklistresource_id": ["The selected checklistresource id is invalid."]}),
        (
            new(1) | {"checklistresource_id": "x"},
            {"checklistresource_id": ["The checklistresource id field must be an integer."]},
        ),
        (new(1, " "), {"checklist_text": ["The checklist text field is required."]}),
        (new(1, 5), {"checklist_text": ["The checklist text field must be a string."]}),
        (new(1, "a\x00"), {"checklist_text": ["The checklist text field contains characters that are not allowed."]}),
        (
            new(1, "x" * 1001),
            {"checklist_text": ["The checklist text field must not be greater than 1000 characters."]},
        ),
        (new(1) | {"status": "completed"}, {"status": ["The status field is not recognised."]}),
        (
            new(999, None) | {"foo": 1},
            {
                "checklistresource_id": ["The selected checklistresource id is invalid."],
                "checklist_text": ["The checklist text field is required."],
                "foo": ["The foo field is not recognised."],
            },
        ),
    ],
)
async def test_faults_of_a_new_item_are_told(api: Api, lead: int, body: Json, faults: Any) -> None:
    answer = await api.post(ITEMS, body)

    assert errors(answer) == faults
    assert (await api.get(ITEMS, resource_type="lead", resource_id=lead)).json()["meta"]["total"] == 0


@pytest.mark.parametrize("lead_id", [0, -1, 2**63])
async def test_an_impossible_lead_is_a_fault(api: Api, lead_id: int) -> None:
    created = await api.post(ITEMS, new(lead_id))
    listed = await api.get(ITEMS, resource_type="lead", resource_id=lead_id)

    assert errors(created).keys() == {"checklistresource_id"}
    assert errors(listed).keys() == {"resource_id"}


async def test_the_text_can_be_changed_and_nothing_else(api: Api, lead: int) -> None:
    item = await api.item(lead)
    path = f"{ITEMS}/{item['id']}"

    changed = await api.patch(path, {"checklist_text": " " + "ü" * 1000})
    others = await api.patch(path, {"checklistresource_id": 2, "position": 4})
    blank = await api.patch(path, {"checklist_text": ""})
    nothing = await api.patch(path, {})

    after = changed.json()["data"]
    assert changed.json()["message"] == "Checklist updated successfully."
    assert after == item | {"text": "ü" * 1000, "dates": after["dates"]}
    assert after["dates"]["updated"] >= item["dates"]["updated"]
    assert errors(others).keys() == {"checklistresource_id", "position"}
    assert errors(blank) == {"checklist_text": ["The checklist text field is required."]}
    assert errors(nothing).keys() == {"body"}


async def test_an_item_is_completed_and_reopened(api: Api, lead: int) -> None:
    item = await api.item(lead)
    path = f"{ITEMS}/{item['id']}/status"

    answers = [await api.put(path, {"status": status}) for status in ("completed", "completed", "pending")]

    assert [answer.json()["data"]["status"] for answer in answers] == ["completed", "completed", "pending"]
    assert {answer.json()["message"] for answer in answers} == {"Checklist status updated successfully."}
    assert (await api.get(f"{ITEMS}/{item['id']}")).json()["data"] == answers[-1].json()["data"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "The status field is required."),
        ({"status": None}, "The status field is required."),
        ({"status": "done"}, "The selected status is invalid."),
        ({"status": True}, "The selected status is invalid."),
    ],
)
async def test_there_is_no_third_status(api: Api, lead: int, body: Json, fault: str) -> None:
    item = await api.item(lead)

    answer = await api.put(f"{ITEMS}/{item['id']}/status", body)

    assert errors(answer) == {"status": [fault]}


async def test_a_deleted_item_is_gone_and_its_id_never_comes_again(api: Api, lead: int) -> None:
    item = await api.item(lead)
    path = f"{ITEMS}/{item['id']}"

    answer = await api.delete(path)
    again = await api.item(lead)

    assert answer.json() == {"data": {"id": item["id"]}, "message": "Checklist deleted successfully."}
    assert (await api.get(path)).status_code == 404
    assert again["id"] > item["id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"checklist_text": "x"}),
        ("DELETE", "", None),
        ("PUT", "/status", {"status": "pending"}),
        ("GET", "/comments", None),
        ("POST", "/comments", {"comment": "x"}),
        ("DELETE", "/comments/1", None),
    ],
)
async def test_an_unknown_item_is_not_found(api: Api, method: str, path: str, body: Json | None) -> None:
    answer = await api.call(method, f"{ITEMS}/999{path}", body)

    assert answer.status_code == 404
    assert answer.json() == {"message": "Checklist not found."}


async def test_items_go_with_their_lead_and_no_others(api: Api, lead: int) -> None:
    item = await api.item(lead)
    other = await api.item((await api.lead())["id"])

    await api.delete(f"/api/leads/{lead}")

    assert (await api.get(f"{ITEMS}/{item['id']}")).status_code == 404
    assert (await api.get(f"{ITEMS}/{other['id']}")).json()["data"] == other


async def test_items_do_not_touch_the_lead(api: Api, lead: int) -> None:
    before = await api.shown(lead)

    item = await api.item(lead)
    await api.put(f"{ITEMS}/{item['id']}/status", {"status": "completed"})
    await api.post(f"{ITEMS}/{item['id']}/comments", {"comment": "Done."})

    assert await api.shown(lead) == before
