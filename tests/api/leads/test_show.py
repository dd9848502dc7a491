"""GET /api/leads/{id}, and what a lead shows of the settings and of its own changes (contract, section 2)."""

import re

import pytest

from leads_api.clock import now
from tests.client import Api, Json, errors

TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
REQUIRED = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
WRITES: dict[str, tuple[str, str, Json | None]] = {
    "PUT": ("PUT", "", REQUIRED),
    "PATCH": ("PATCH", "", {"lead_phone": None}),
    "status": ("PUT", "/status", {"status": 1}),
    "assigned": ("PUT", "/assigned", {"assigned": []}),
    "tags": ("PUT", "/tags", {"tags": []}),
    "archive": ("PUT", "/archive", None),
    "activate": ("PUT", "/activate", None),
    "comment": ("POST", "/comments", {"comment": "Called."}),
    "convert": ("POST", "/convert", {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}),
}


async def test_a_lead_is_answered_with_its_message(api: Api) -> None:
    lead = await api.lead()

    answer = await api.get(f"/api/leads/{lead['id']}")

    assert answer.status_code == 200
    assert answer.json() == {"data": lead, "message": "Lead retrieved successfully."}


async def test_a_lead_that_is_not_there_is_not_found(api: Api) -> None:
    await api.lead()

    answers = [await api.get(f"/api/leads/{lead_id}") for lead_id in (2, 2**63 - 1)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(404, {"message": "Lead not found."})] * 2


async def test_a_query_is_checked_before_the_lead_is_looked_up(api: Api) -> None:
    answer = await api.get("/api/leads/1", with_comments="1")

    assert errors(answer) == {"with_comments": ["The with comments field is not recognised."]}


async def test_all_keys_are_always_present(api: Api) -> None:
    lead = await api.shown((await api.lead())["id"])

    assert {key: set(value) if isinstance(value, dict) else None for key, value in lead.items()} == {
        "id": None,
        "title": None,
        "value": None,
        "status": {"id", "title", "color"},
        "active_state": None,
        "category": {"id", "name"},
        "source": None,
        "last_contacted": None,
        "description": None,
        "contact": {"first_name", "last_name", "email", "phone", "job_position", "company_name", "website"},
        "address": {"street", "city", "state", "zip", "country"},
        "converted": {"is_converted", "client_id", "date"},
        "assigned": None,
        "tags": None,
        "dates": {"created", "updated"},
        "custom_fields": set(),
        "comments_count": None,
        "version": None,
        "external_id": None,
    }


async def test_times_are_shown_in_utc_with_six_decimals(api: Api) -> None:
    lead_id = (await api.lead())["id"]
    await api.client(lead_id)

    lead = await api.shown(lead_id)

    times = [*lead["dates"].values(), lead["converted"]["date"]]
    assert [time for time in times if not TIMESTAMP.fullmatch(time)] == []


async def test_a_lead_shows_the_client_that_it_became(api: Api) -> None:
    lead_id = (await api.lead())["id"]
    client = await api.client(lead_id)

    lead = await api.shown(lead_id)

    assert lead["converted"]["is_converted"] is True
    assert lead["converted"]["client_id"] == client["id"]
    assert lead["converted"]["date"] == lead["dates"]["updated"]


async def test_comments_are_counted_and_never_part_of_a_lead(api: Api) -> None:
    lead_id = (await api.lead())["id"]
    await api.comment(lead_id, "needle")
    await api.comment(lead_id, "needle")

    one, listed = await api.get(f"/api/leads/{lead_id}"), await api.get("/api/leads")

    assert one.json()["data"]["comments_count"] == 2
    assert listed.json()["data"][0]["comments_count"] == 2
    assert "needle" not in one.text + listed.text


async def test_renames_of_settings_show_in_every_lead_at_once_and_are_no_change_of_it(api: Api) -> None:
    status, category, sam = await api.status(), await api.category(), await api.member()
    lead_id = (await api.lead(lead_status=status["id"], lead_categoryid=category["id"]))["id"]
    await api.put(f"/api/leads/{lead_id}/assigned", {"assigned": [sam["id"]]})
    before = await api.shown(lead_id)

    await api.patch(f"/api/lead-statuses/{status['id']}", {"title": "Talking", "color": "lime"})
    await api.patch(f"/api/categories/{category['id']}", {"name": "Resellers"})
    await api.patch(f"/api/team/{sam['id']}", {"last_name": "Leeds"})

    renamed = before | {
        "status": {"id": status["id"], "title": "Talking", "color": "lime"},
        "category": {"id": category["id"], "name": "Resellers"},
        "assigned": [{"id": sam["id"], "name": "Sam Leeds"}],
    }
    assert await api.shown(lead_id) == renamed
    assert (await api.get("/api/leads")).json()["data"] == [renamed]


@pytest.mark.parametrize("write", WRITES)
async def test_every_accepted_write_raises_the_version_and_sets_updated_also_when_nothing_differs(
    api: Api, write: str
) -> None:
    before = await api.lead()
    method, path, body = WRITES[write]
    await clock_has_moved(api)

    answer = await api.call(method, f"/api/leads/{before['id']}{path}", body)

    after = await api.shown(before["id"])
    assert answer.is_success
    assert after["version"] == before["version"] + 1
    assert after["dates"]["updated"] > before["dates"]["updated"]
    assert after["dates"]["created"] == before["dates"]["created"]


async def test_deleting_a_comment_is_a_change_as_well(api: Api) -> None:
    lead_id = (await api.lead())["id"]
    comment = await api.comment(lead_id)
    before = await api.shown(lead_id)
    await clock_has_moved(api)

    await api.delete(f"/api/leads/{lead_id}/comments/{comment['id']}")

    after = await api.shown(lead_id)
    assert after["version"] == before["version"] + 1
    assert after["dates"]["updated"] > before["dates"]["updated"]


async def test_refused_writes_reads_and_checklists_are_no_change(api: Api) -> None:
    before = await api.lead()
    path = f"/api/leads/{before['id']}"

    refused = [
        await api.put(path, {"lead_title": "Acme"}),
        await api.patch(path, {"lead_status": 99}),
        await api.put(f"{path}/status", {"status": 99}),
        await api.put(f"{path}/tags", {"tags": [""]}),
        await api.post(f"{path}/comments", {"comment": ""}),
        await api.delete(f"{path}/comments/1"),
    ]
    await api.item(before["id"])
    await api.get("/api/leads")

    assert [answer.status_code for answer in refused] == [422, 422, 422, 422, 422, 404]
    assert await api.shown(before["id"]) == before


async def clock_has_moved(api: Api) -> None:
    """Wait until the clock, which counts milliseconds, shows another time."""
    before = now()
    while now() == before:
        await api.get("/health/live")
