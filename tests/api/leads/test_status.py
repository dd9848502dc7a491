"""PUT /api/leads/{id}/status, and what the sub-actions have in common (contract, "Status, assigned, ...")."""

import pytest

from leads_api.clock import now
from tests.client import Api, Json, errors

OWNER = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}

CHANGES = [
    pytest.param("PUT", "status", {"status": 5}, "Lead status updated successfully.", id="status"),
    pytest.param("PUT", "assigned", {"assigned": [1]}, "Lead assignees updated successfully.", id="assigned"),
    pytest.param("PUT", "tags", {"tags": ["hot"]}, "Lead tags updated successfully.", id="tags"),
    pytest.param("PUT", "archive", None, "Lead archived successfully.", id="archive"),
    pytest.param("PUT", "activate", None, "Lead activated successfully.", id="activate"),
]
WRITES = [
    *CHANGES,
    pytest.param("POST", "comments", {"comment": "Called."}, "Lead comment added successfully.", id="comment"),
    pytest.param("POST", "convert", OWNER, "Lead converted to client successfully.", id="convert"),
]
REQUESTS = [
    *WRITES,
    pytest.param("POST", "clone", {"lead_title": "Two", "lead_status": 1}, "Lead cloned successfully.", id="clone"),
    pytest.param("GET", "comments", None, "Lead comments retrieved successfully.", id="comments"),
]


async def test_the_status_is_shown_with_title_and_colour(api: Api) -> None:
    lead = await api.lead()
    status = await api.status("Negotiation", color="lime")

    answer = await api.put(f"/api/leads/{lead['id']}/status", {"status": status["id"]})

    assert answer.status_code == 200
    assert answer.json()["data"]["status"] == {"id": status["id"], "title": "Negotiation", "color": "lime"}
    assert (await api.shown(lead["id"]))["status"]["id"] == status["id"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "The status field is required."),
        ({"status": None}, "The status field is required."),
        ({"status": " "}, "The status field is required."),
        ({"status": "won"}, "The status field must be an integer."),
        ({"status": 1.5}, "The status field must be an integer."),
        ({"status": True}, "The status field must be an integer."),
        ({"status": [1]}, "The status field must be an integer."),
        ({"status": 2**63}, "The status field must be an integer."),
        ({"status": 6}, "The selected status is invalid."),
        ({"status": 0}, "The selected status is invalid."),
        ({"status": -1}, "The selected status is invalid."),
    ],
)
async def test_what_is_no_status_is_refused_and_changes_nothing(api: Api, body: Json, text: str) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/status", body)

    assert errors(answer) == {"status": [text]}
    assert await api.shown(lead["id"]) == lead


async def test_a_deleted_status_cannot_be_given(api: Api) -> None:
    lead, status = await api.lead(), await api.status()
    assert (await api.delete(f"/api/lead-statuses/{status['id']}")).status_code == 200

    answer = await api.put(f"/api/leads/{lead['id']}/status", {"status": status["id"]})

    assert errors(answer) == {"status": ["The selected status is invalid."]}


async def test_the_status_is_taken_as_a_string_of_digits_and_from_a_form(api: Api) -> None:
    lead = await api.lead()

    from_json = await api.put(f"/api/leads/{lead['id']}/status", {"status": "3"})
    from_form = await api.put(f"/api/leads/{lead['id']}/status", data={"status": "5"})

    assert from_json.json()["data"]["status"]["id"] == 3
    assert from_form.json()["data"]["status"]["id"] == 5


async def test_setting_the_status_converted_by_hand_does_not_convert(api: Api) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/status", {"status": 2})

    assert answer.json()["data"]["status"]["title"] == "Converted"
    assert answer.json()["data"]["converted"] == {"is_converted": False, "client_id": None, "date": None}
    assert (await api.get("/api/clients")).json()["data"] == []
    assert (await api.post(f"/api/leads/{lead['id']}/convert", OWNER)).status_code == 201


@pytest.mark.parametrize(("method", "action", "body", "message"), REQUESTS)
async def test_the_message_says_what_was_done(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    lead = await api.lead()

    answer = await api.call(method, f"/api/leads/{lead['id']}/{action}", body)

    assert answer.status_code == (201 if method == "POST" else 200)
    assert answer.json()["message"] == message
    assert set(answer.json()) == {"data", "message"}


@pytest.mark.parametrize(("method", "action", "body", "message"), REQUESTS)
async def test_an_unknown_lead_is_not_found(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    await api.lead()

    answer = await api.call(method, f"/api/leads/2/{action}", body)

    assert answer.status_code == 404
    assert answer.json() == {"message": "Lead not found."}
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 1
    assert (await api.get("/api/clients")).json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("method", "action", "field", "text"),
    [
        ("PUT", "status", "status", "The status field is required."),
        ("PUT", "assigned", "assigned", "The assigned field must be present."),
        ("PUT", "tags", "tags", "The tags field must be present."),
        ("POST", "comments", "comment", "The comment field is required."),
        ("POST", "convert", "email", "The email field is required."),
        ("POST", "clone", "lead_title", "The lead title field is required."),
    ],
)
async def test_faults_of_the_body_are_told_before_the_lead_is_looked_up(
    api: Api, method: str, action: str, field: str, text: str
) -> None:
    answer = await api.call(method, f"/api/leads/99/{action}", {})

    assert errors(answer)[field] == [text]


@pytest.mark.parametrize(("method", "action", "body", "message"), WRITES)
async def test_every_change_raises_the_version_by_one_and_sets_the_date(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    lead = await api.lead()
    _await_a_later_moment()

    answer = await api.call(method, f"/api/leads/{lead['id']}/{action}", body)

    after = await api.shown(lead["id"])
    assert answer.is_success
    assert after["version"] == lead["version"] + 1
    assert after["dates"]["updated"] > lead["dates"]["updated"]
    assert after["dates"]["created"] == lead["dates"]["created"]


@pytest.mark.parametrize(("method", "action", "body", "message"), CHANGES)
async def test_a_change_counts_also_when_nothing_differs(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    lead = await api.lead()
    first = (await api.call(method, f"/api/leads/{lead['id']}/{action}", body)).json()["data"]
    _await_a_later_moment()

    second = (await api.call(method, f"/api/leads/{lead['id']}/{action}", body)).json()["data"]

    assert second["version"] == first["version"] + 1
    assert second["dates"]["updated"] > first["dates"]["updated"]
    counted = ("version", "dates")
    assert {key: value for key, value in second.items() if key not in counted} == {
        key: value for key, value in first.items() if key not in counted
    }


@pytest.mark.parametrize(("method", "action", "body", "message"), CHANGES)
async def test_a_change_touches_nothing_but_its_own(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    own = {"archive": "active_state", "activate": "active_state"}.get(action, action)
    lead = await api.lead(lead_value=10, lead_source="Web", lead_email="jane@acme.example", lead_city="Bonn")
    await api.comment(lead["id"])
    before = await api.shown(lead["id"])

    after = (await api.call(method, f"/api/leads/{lead['id']}/{action}", body)).json()["data"]

    assert {key for key in after if after[key] != before[key]} <= {own, "version", "dates"}


@pytest.mark.parametrize(("method", "action", "body", "message"), CHANGES)
async def test_no_change_minds_that_a_lead_is_archived_and_converted(
    api: Api, method: str, action: str, body: Json | None, message: str
) -> None:
    lead = await api.lead()
    await api.client(lead["id"])
    assert (await api.put(f"/api/leads/{lead['id']}/archive")).status_code == 200

    answer = await api.call(method, f"/api/leads/{lead['id']}/{action}", body)

    assert answer.status_code == 200
    assert answer.json()["data"]["converted"]["is_converted"] is True
    assert answer.json()["data"]["active_state"] == ("active" if action == "activate" else "archived")


async def test_renaming_a_status_is_no_change_of_the_lead(api: Api) -> None:
    status = await api.status("Negotiation")
    lead = await api.lead(lead_status=status["id"])

    await api.patch(f"/api/lead-statuses/{status['id']}", {"title": "Talks"})

    after = await api.shown(lead["id"])
    assert after == lead | {"status": lead["status"] | {"title": "Talks"}}


def _await_a_later_moment() -> None:
    """Spin, for a millisecond at most, until the service's clock shows another time than it does now."""
    moment = now()
    while now() == moment:
        pass
