"""PATCH /api/leads/{id}: any of a lead's own fields (contract, "Create, PUT, PATCH")."""

from typing import Any

import pytest

from tests.api.leads.test_create import REQUIRED, whole_body
from tests.client import Api, Json, errors

OTHER_VALUES: dict[str, tuple[Any, str, Any]] = {
    "lead_title": ("Other", "title", "Other"),
    "lead_status": (3, "status", {"id": 3, "title": "Qualified", "color": "info"}),
    "lead_firstname": ("Sue", "contact.first_name", "Sue"),
    "lead_lastname": ("Roe", "contact.last_name", "Roe"),
    "lead_email": ("sue@other.example", "contact.email", "sue@other.example"),
    "lead_phone": ("5", "contact.phone", "5"),
    "lead_company_name": ("Other Ltd", "contact.company_name", "Other Ltd"),
    "lead_job_position": ("CEO", "contact.job_position", "CEO"),
    "lead_website": ("other.example", "contact.website", "other.example"),
    "lead_value": (0.005, "value", "0.01"),
    "lead_source": ("Fair", "source", "Fair"),
    "lead_last_contacted": ("2026-01-01", "last_contacted", "2026-01-01"),
    "lead_description": ("Other.", "description", "Other."),
    "lead_street": ("2 Side St", "address.street", "2 Side St"),
    "lead_city": ("Shelbyville", "address.city", "Shelbyville"),
    "lead_state": ("NY", "address.state", "NY"),
    "lead_zip": ("10001", "address.zip", "10001"),
    "lead_country": ("Canada", "address.country", "Canada"),
    "lead_external_id": ("crm/7", "external_id", "crm/7"),
}
OPTIONAL = {name: path for name, (_, path, _) in OTHER_VALUES.items() if name not in REQUIRED}


async def test_each_field_changes_alone_and_all_others_keep_their_values(api: Api) -> None:
    lead = await api.lead(**whole_body())

    for name, (sent, path, shown) in OTHER_VALUES.items():
        answer = await api.patch(f"/api/leads/{lead['id']}", {name: sent})

        assert answer.status_code == 200
        assert answer.json()["message"] == "Lead updated successfully."
        changed = answer.json()["data"]
        assert changed == with_value(lead, path, shown) | written(changed, lead["version"] + 1)
        lead = changed

    assert await api.shown(lead["id"]) == lead


async def test_the_category_changes_alone(api: Api) -> None:
    partners = await api.category()
    lead = await api.lead(**whole_body())

    changed = (await api.patch(f"/api/leads/{lead['id']}", {"lead_categoryid": partners["id"]})).json()["data"]

    category = {"id": partners["id"], "name": "Partners"}
    assert changed == with_value(lead, "category", category) | written(changed, 2)


async def test_several_fields_change_together(api: Api) -> None:
    lead = await api.lead(lead_phone="1")

    answer = await api.patch(f"/api/leads/{lead['id']}", {"lead_title": "B", "lead_city": "C", "lead_value": "2"})

    changed = answer.json()["data"]
    assert (changed["title"], changed["address"]["city"], changed["value"]) == ("B", "C", "2.00")
    assert changed["contact"]["phone"] == "1"
    assert changed["version"] == 2


@pytest.mark.parametrize("empty", [None, "", " \t"])
async def test_null_or_blank_clears_what_is_not_required(api: Api, empty: str | None) -> None:
    lead = await api.lead(**whole_body())

    for name, path in OPTIONAL.items():
        changed = (await api.patch(f"/api/leads/{lead['id']}", {name: empty})).json()["data"]

        assert changed == with_value(lead, path, None) | written(changed, lead["version"] + 1)
        lead = changed


@pytest.mark.parametrize("empty", [None, "", " \t"])
async def test_a_required_field_cannot_be_cleared(api: Api, empty: str | None) -> None:
    lead = await api.lead()

    answer = await api.patch(f"/api/leads/{lead['id']}", dict.fromkeys(REQUIRED, empty))

    assert errors(answer) == {
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The lead status field is required."],
        "lead_categoryid": ["The lead categoryid field is required."],
    }
    assert await api.shown(lead["id"]) == lead


async def test_no_field_at_all_is_a_fault_of_the_body(api: Api) -> None:
    path = f"/api/leads/{(await api.lead())['id']}"

    answers = [await api.patch(path, {}), await api.patch(path)]

    assert [list(errors(answer)) for answer in answers] == [["body"], ["body"]]


async def test_one_bad_field_keeps_the_good_ones_from_being_written(api: Api) -> None:
    lead = await api.lead()

    answer = await api.patch(
        f"/api/leads/{lead['id']}",
        {"lead_title": "New", "lead_email": "nobody", "lead_value": -0.001, "lead_categoryid": 2, "colour": None},
    )

    assert errors(answer) == {
        "lead_email": ["The lead email field must be a valid email address."],
        "lead_value": ["The lead value field must be at least 0."],
        "lead_categoryid": ["The selected lead categoryid is invalid."],
        "colour": ["The colour field is not recognised."],
    }
    assert await api.shown(lead["id"]) == lead


async def test_a_form_changes_and_clears_as_json_does(api: Api) -> None:
    lead = await api.lead(lead_phone="1", lead_source="Fair")

    answer = await api.patch(f"/api/leads/{lead['id']}", data={"lead_phone": "", "lead_value": "2.5"})

    changed = answer.json()["data"]
    assert (changed["contact"]["phone"], changed["value"], changed["source"]) == (None, "2.50", "Fair")


async def test_a_caller_that_sends_every_field_sees_no_difference_to_put(api: Api) -> None:
    one, two = await api.lead(lead_source="Fair"), await api.lead(lead_source="Fair")

    by_put = (await api.put(f"/api/leads/{one['id']}", whole_body())).json()["data"]
    by_patch = (await api.patch(f"/api/leads/{two['id']}", whole_body())).json()["data"]

    identity = {"id": None, "dates": None}
    assert by_patch | identity == by_put | identity


async def test_setting_the_status_converted_by_hand_does_not_convert(api: Api) -> None:
    lead = await api.lead()

    changed = (await api.patch(f"/api/leads/{lead['id']}", {"lead_status": 2})).json()["data"]

    assert changed["status"]["title"] == "Converted"
    assert changed["converted"] == {"is_converted": False, "client_id": None, "date": None}


def with_value(lead: Json, path: str, value: Any) -> Json:
    """Return a lead with another value in one place."""
    outer, _, inner = path.partition(".")
    return lead | {outer: lead[outer] | {inner: value} if inner else value}


def written(changed: Json, version: int) -> Json:
    """Return what every write changes besides: a version that must be so, and the time."""
    return {"version": version, "dates": changed["dates"]}
