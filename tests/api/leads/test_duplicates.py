"""GET /api/leads/{id}/duplicates (contract, "Duplicates")."""

from typing import Any

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json
from tests.conftest import Serve

JANE = {
    "lead_email": "jane@acme.example",
    "lead_phone": "+49 (30) 1234567",
    "lead_company_name": "Acme Straße",
    "lead_lastname": "Doe",
}


async def duplicates(api: Api, lead: Json) -> list[Json]:
    answer = await api.get(f"/api/leads/{lead['id']}/duplicates")
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "Lead duplicates retrieved successfully."
    assert list(answer.json()) == ["data", "message"]
    found: list[Json] = answer.json()["data"]
    return found


async def matched(api: Api, lead: Json) -> dict[str, list[str]]:
    """Return what the duplicates of a lead matched on, by their titles."""
    return {found["title"]: found["matched_on"] for found in await duplicates(api, lead)}


async def test_each_says_what_it_has_in_common_in_any_case_and_punctuation(api: Api) -> None:
    jane = await api.lead(**JANE)
    others: dict[str, Json] = {
        "email": {"lead_email": "JANE@Acme.example"},
        "phone": {"lead_phone": "0049 30 123-45-67"},
        "company and name": {"lead_company_name": "ACME STRASSE", "lead_lastname": "DOE"},
        "all": JANE,
        "email and phone": {"lead_email": "jane@acme.example", "lead_phone": "49301234567"},
        "company alone": {"lead_company_name": "Acme Straße"},
        "name alone": {"lead_lastname": "Doe"},
        "two different halves": {"lead_company_name": "Acme Straße", "lead_lastname": "Roe"},
        "first name": {"lead_firstname": "Doe", "lead_company_name": "Acme Straße"},
        "nothing": {"lead_email": "jim@acme.example", "lead_phone": "+49 (30) 7654321"},
        "empty": {},
    }
    for title, fields in others.items():
        await api.lead(lead_title=title, **fields)

    assert await matched(api, jane) == {
        "email": ["email"],
        "phone": ["phone"],
        "company and name": ["company_and_name"],
        "all": ["email", "phone", "company_and_name"],
        "email and phone": ["email", "phone"],
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lead_phone": "555-010"},
        {"lead_phone": "00 555 010"},
        {"lead_company_name": "Acme"},
        {"lead_lastname": "Doe"},
        {"lead_firstname": "Jane", "lead_job_position": "CTO", "lead_website": "acme.example"},
    ],
)
async def test_leads_that_have_nothing_to_compare_are_no_duplicates(api: Api, fields: Json) -> None:
    lead = await api.lead(**fields)
    await api.lead(**fields)

    assert await duplicates(api, lead) == []


async def test_whole_leads_are_shown_converted_and_archived_ones_too(api: Api) -> None:
    await api.custom_field("colour")
    jane = await api.lead(**JANE)
    archived = await api.lead(lead_email="jane@acme.example", colour="blue", lead_description="x" * 20_000)
    await api.put(f"/api/leads/{archived['id']}/archive")
    await api.put(f"/api/leads/{archived['id']}/tags", {"tags": ["hot"]})
    await api.put(f"/api/leads/{archived['id']}/assigned", {"assigned": [1]})
    await api.comment(archived["id"])
    converted = await api.lead(lead_phone="49301234567")
    await api.client(converted["id"])

    assert await duplicates(api, jane) == [
        await api.shown(converted["id"]) | {"matched_on": ["phone"]},
        await api.shown(archived["id"]) | {"matched_on": ["email"]},
    ]


@pytest.mark.parametrize("common", [["lead_email"], ["lead_phone"], ["lead_email", "lead_phone"]])
async def test_the_newest_fifty_are_shown_newest_first_and_never_the_lead_itself(api: Api, common: list[str]) -> None:
    fields = {name: JANE[name] for name in common}
    made = [await api.lead(**fields) for _ in range(53)]

    for own in (made[0], made[30], made[52]):
        found = [lead["id"] for lead in await duplicates(api, own)]

        assert found == [lead["id"] for lead in made[::-1] if lead != own][:50]


async def test_the_newest_fifty_of_all_that_match_on_different_things(api: Api) -> None:
    jane = await api.lead(**JANE)
    names = [["lead_email"], ["lead_phone"], ["lead_company_name", "lead_lastname"]]
    made = [await api.lead(**{name: JANE[name] for name in names[number % 3]}) for number in range(60)]

    assert [lead["id"] for lead in await duplicates(api, jane)] == [lead["id"] for lead in made[:9:-1]]


@pytest.mark.parametrize(
    ("change", "finds"),
    [
        ({"lead_email": "kim@acme.example"}, {"phone", "company"}),
        ({"lead_email": None}, {"phone", "company"}),
        ({"lead_phone": "555-0100"}, {"email", "company"}),
        ({"lead_phone": "5"}, {"email", "company"}),
        ({"lead_phone": None}, {"email", "company"}),
        ({"lead_company_name": "Other"}, {"email", "phone"}),
        ({"lead_company_name": None}, {"email", "phone"}),
        ({"lead_lastname": "Roe"}, {"email", "phone"}),
        ({"lead_lastname": None}, {"email", "phone"}),
        ({"lead_lastname": "DOE"}, {"email", "phone", "company"}),
        ({"lead_firstname": "Kim", "lead_source": "Fair"}, {"email", "phone", "company"}),
    ],
)
async def test_duplicates_follow_a_change_of_either_side(api: Api, change: Json, finds: set[str]) -> None:
    jane, twin = await api.lead(**JANE), await api.lead(lead_title="twin", **JANE)
    await api.lead(lead_title="email", lead_email=JANE["lead_email"])
    await api.lead(lead_title="phone", lead_phone=JANE["lead_phone"])
    company = {name: JANE[name] for name in ("lead_company_name", "lead_lastname")}
    await api.lead(lead_title="company", **company)

    answer = await api.patch(f"/api/leads/{jane['id']}", change)

    assert answer.status_code == 200, answer.text
    assert set(await matched(api, jane)) == finds | {"twin"}
    names = {"email": "email", "phone": "phone", "company": "company_and_name"}
    assert sorted((await matched(api, twin))["Acme"]) == sorted(names[name] for name in finds)


async def test_both_halves_of_company_and_name_may_come_one_by_one(api: Api) -> None:
    jane, other = await api.lead(**JANE), await api.lead(lead_title="other")

    await api.patch(f"/api/leads/{other['id']}", {"lead_company_name": "acme straße"})
    half = await matched(api, jane)
    await api.patch(f"/api/leads/{other['id']}", {"lead_lastname": "doe"})

    assert half == {}
    assert await matched(api, jane) == {"other": ["company_and_name"]}


async def test_a_replaced_and_a_cloned_lead_are_found_by_what_they_have(api: Api) -> None:
    jane = await api.lead(**JANE)
    required = {"lead_title": "replaced", "lead_status": 1, "lead_categoryid": 3}
    await api.put(f"/api/leads/{(await api.lead())['id']}", required | {"lead_phone": JANE["lead_phone"]})
    whole = {"lead_title": "clone", "lead_status": 1}
    await api.post(f"/api/leads/{jane['id']}/clone", whole)
    await api.post(f"/api/leads/{jane['id']}/clone", whole | {"lead_title": "half", "lead_lastname": None})

    assert await matched(api, jane) == {
        "replaced": ["phone"],
        "clone": ["email", "phone", "company_and_name"],
        "half": ["email", "phone"],
    }


async def test_an_unknown_lead_is_not_found(api: Api) -> None:
    answer = await api.get("/api/leads/9/duplicates")

    assert (answer.status_code, answer.json()) == (404, {"message": "Lead not found."})


async def test_a_deleted_duplicate_is_gone(api: Api) -> None:
    jane, twin = await api.lead(**JANE), await api.lead(**JANE)

    await api.delete(f"/api/leads/{twin['id']}")

    assert await duplicates(api, jane) == []


async def test_there_are_no_parameters(api: Api) -> None:
    jane = await api.lead(**JANE)

    answer = await api.get(f"/api/leads/{jane['id']}/duplicates", limit=5)

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"limit": ["The limit field is not recognised."]}


async def test_leads_that_are_too_large_together_are_as_many_as_fit(serve: Serve) -> None:
    async with serve(max_page_bytes=65_536) as api:
        long: dict[str, Any] = {"lead_description": "x" * 30_000}
        made = [await api.lead(**JANE, **long) for _ in range(4)]
        huge = [await api.lead(lead_email="big@acme.example", lead_description="€" * 65_000) for _ in range(3)]

        assert [lead["id"] for lead in await duplicates(api, made[0])] == [made[3]["id"], made[2]["id"]]
        assert [lead["id"] for lead in await duplicates(api, huge[0])] == [huge[2]["id"]]


async def test_leads_of_earlier_versions_are_compared_by_what_they_show(api: Api, database: Database) -> None:
    old, jane = await api.lead(lead_title="old", **JANE), await api.lead(**JANE)
    await database["leads"].update_one(
        {"_id": old["id"]},
        {"$unset": {"folded.phone": "", "folded.company_name": "", "folded.last_name": "", "dates.created": ""}},
    )

    assert await matched(api, jane) == {"old": ["email", "phone", "company_and_name"]}
    assert await matched(api, old) == {"Acme": ["email", "phone", "company_and_name"]}
