"""PUT /api/leads/{id}: the whole of a lead's own fields anew (contract, "Create, PUT, PATCH")."""

import pytest

from tests.api.leads.test_create import REQUIRED, whole_body
from tests.client import Api, Json, errors


async def test_every_field_is_replaced(api: Api) -> None:
    lead, other = await api.lead(lead_title="Old", lead_source="Fair"), await api.lead(**whole_body())

    answer = await api.put(f"/api/leads/{lead['id']}", whole_body())

    assert answer.status_code == 200
    assert answer.json()["message"] == "Lead updated successfully."
    replaced = answer.json()["data"]
    assert own_fields(replaced) == own_fields(other)
    assert replaced["id"] == lead["id"]
    assert replaced["version"] == 2
    assert await api.shown(lead["id"]) == replaced


async def test_an_omitted_optional_field_becomes_null(api: Api) -> None:
    lead, bare = await api.lead(**whole_body()), await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}", REQUIRED)

    assert own_fields(answer.json()["data"]) == own_fields(bare)
    assert own_fields(await api.shown(lead["id"])) == own_fields(bare)


async def test_required_fields_are_required(api: Api) -> None:
    lead = await api.lead(lead_phone="1")

    answers = [
        await api.put(f"/api/leads/{lead['id']}", body)
        for body in (None, {}, dict.fromkeys(REQUIRED), dict.fromkeys(REQUIRED, " "))
    ]

    assert [errors(answer) for answer in answers] == [
        {
            "lead_title": ["The lead title field is required."],
            "lead_status": ["The lead status field is required."],
            "lead_categoryid": ["The lead categoryid field is required."],
        }
    ] * 4
    assert await api.shown(lead["id"]) == lead


async def test_the_same_rules_hold_as_for_a_new_lead(api: Api) -> None:
    lead = await api.lead()
    bad = {
        "lead_title": "x" * 251,
        "lead_status": 99,
        "lead_categoryid": 2,
        "lead_firstname": 5,
        "lead_email": "nobody",
        "lead_value": "100000000",
        "lead_last_contacted": "tomorrow",
        "lead_source": "a\0b",
        "lead_colour": "red",
    }

    answer = await api.put(f"/api/leads/{lead['id']}", bad)

    assert errors(answer) == {
        "lead_title": ["The lead title field must not be greater than 250 characters."],
        "lead_status": ["The selected lead status is invalid."],
        "lead_categoryid": ["The selected lead categoryid is invalid."],
        "lead_firstname": ["The lead firstname field must be a string."],
        "lead_email": ["The lead email field must be a valid email address."],
        "lead_value": ["The lead value field must not be greater than 99999999.99."],
        "lead_last_contacted": ["The lead last contacted field must be a valid date."],
        "lead_source": ["The lead source field contains characters that are not allowed."],
        "lead_colour": ["The lead colour field is not recognised."],
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_tags_assignees_comments_archived_and_converted_state_are_never_touched(api: Api, method: str) -> None:
    lead_id = (await api.lead())["id"]
    await api.put(f"/api/leads/{lead_id}/tags", {"tags": ["priority"]})
    await api.put(f"/api/leads/{lead_id}/assigned", {"assigned": [1]})
    comment = await api.comment(lead_id)
    await api.client(lead_id)
    await api.put(f"/api/leads/{lead_id}/archive")
    before = await api.shown(lead_id)

    answer = await api.call(method, f"/api/leads/{lead_id}", whole_body())

    after = answer.json()["data"]
    untouched = ("id", "tags", "assigned", "comments_count", "active_state", "converted")
    assert {key: after[key] for key in untouched} == {key: before[key] for key in untouched}
    assert after["tags"] == ["priority"]
    assert after["dates"]["created"] == before["dates"]["created"]
    assert after["status"]["id"] == 5
    assert (await api.get(f"/api/leads/{lead_id}/comments")).json()["data"] == [comment]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", ["tags", "assigned", "comments", "active_state", "converted", "version", "id"])
async def test_what_cannot_be_set_here_is_not_recognised(api: Api, method: str, name: str) -> None:
    lead = await api.lead()

    answer = await api.call(method, f"/api/leads/{lead['id']}", REQUIRED | {name: []})

    assert errors(answer) == {name: [f"The {name.replace('_', ' ')} field is not recognised."]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_lead_that_is_not_there_is_not_found_and_not_created(api: Api, method: str) -> None:
    answer = await api.call(method, "/api/leads/1", REQUIRED)

    assert answer.status_code == 404
    assert answer.json() == {"message": "Lead not found."}
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_body_is_checked_before_the_lead_is_looked_up(api: Api, method: str) -> None:
    answer = await api.call(method, "/api/leads/1?colour=red", REQUIRED | {"lead_status": 99})

    assert errors(answer) == {
        "colour": ["The colour field is not recognised."],
        "lead_status": ["The selected lead status is invalid."],
    }


async def test_a_form_replaces_as_json_does(api: Api) -> None:
    lead = await api.lead(lead_phone="1")

    answer = await api.put(f"/api/leads/{lead['id']}", data=REQUIRED | {"lead_title": "Form", "lead_source": ""})

    assert answer.status_code == 200
    assert answer.json()["data"]["title"] == "Form"
    assert answer.json()["data"]["contact"]["phone"] is None


def own_fields(lead: Json) -> Json:
    """Return what of a lead its own fields make."""
    return {key: value for key, value in lead.items() if key not in {"id", "dates", "version"}}
