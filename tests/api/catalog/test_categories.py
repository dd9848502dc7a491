"""Categories of leads and of clients (contract, section 4)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

CATEGORIES = "/api/categories"


async def listed(api: Api, **query: Any) -> list[tuple[int, str]]:
    answer = await api.get(CATEGORIES, **query)
    return [(category["id"], category["name"]) for category in answer.json()["data"]]


@pytest.mark.parametrize("type_", ["lead", "client"])
async def test_a_new_category_is_of_its_type_and_no_default(api: Api, type_: str) -> None:
    answer = await api.post(CATEGORIES, {"name": " Partners ", "type": type_})

    assert answer.status_code == 201
    assert answer.json()["data"] == {"id": 4, "name": "Partners", "type": type_, "is_default": False}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"name": ["The name field is required."], "type": ["The type field is required."]}),
        (
            {"name": " ", "type": None},
            {"name": ["The name field is required."], "type": ["The type field is required."]},
        ),
        ({"name": 1, "type": "lead"}, {"name": ["The name field must be a string."]}),
        ({"name": "x" * 151, "type": "lead"}, {"name": ["The name field must not be greater than 150 characters."]}),
        ({"name": "a\x1fb", "type": "lead"}, {"name": ["The name field contains characters that are not allowed."]}),
        ({"name": "x", "type": "Lead"}, {"type": ["The selected type is invalid."]}),
        ({"name": "x", "type": "project"}, {"type": ["The selected type is invalid."]}),
    ],
)
async def test_faults_are_told(untouched: Api, body: Json, faults: Any) -> None:
    answer = await untouched.post(CATEGORIES, body)

    assert errors(answer) == faults
    assert len(await listed(untouched)) == 2


async def test_a_name_of_the_full_length_is_taken(api: Api) -> None:
    category = await api.category("ß" * 150)

    assert category["name"] == "ß" * 150


async def test_a_name_is_unique_in_its_type_in_any_case(api: Api) -> None:
    await api.category("Partners")

    same = await api.post(CATEGORIES, {"name": "PARTNERS", "type": "lead"})
    other = await api.post(CATEGORIES, {"name": "PARTNERS", "type": "client"})

    assert errors(same) == {"name": ["The name has already been taken."]}
    assert other.status_code == 201


async def test_a_rename_keeps_to_the_names_of_its_type(api: Api) -> None:
    category = await api.category("Partners")
    await api.category("Suppliers", type="client")
    path = f"{CATEGORIES}/{category['id']}"

    taken = await api.patch(path, {"name": "default"})
    own = await api.patch(path, {"name": "PARTNERS"})
    anothers = await api.patch(path, {"name": "suppliers"})

    assert errors(taken) == {"name": ["The name has already been taken."]}
    assert (own.status_code, anothers.status_code) == (200, 200)
    assert anothers.json()["data"] == category | {"name": "suppliers"}


async def test_the_type_cannot_be_changed(api: Api) -> None:
    category = await api.category()

    answer = await api.patch(f"{CATEGORIES}/{category['id']}", {"name": "x", "type": "client"})

    assert errors(answer).keys() == {"type"}
    assert (await api.get(f"{CATEGORIES}/{category['id']}")).json()["data"] == category


async def test_the_list_is_by_id_and_can_be_of_one_type(api: Api) -> None:
    await api.category("Zebra")
    await api.category("Aardvark", type="client")

    both, blank = await listed(api), await listed(api, type="")
    leads, clients = await listed(api, type="lead"), await listed(api, type="client")

    assert both == blank == [(2, "Default"), (3, "Default"), (4, "Zebra"), (5, "Aardvark")]
    assert leads == [(3, "Default"), (4, "Zebra")]
    assert clients == [(2, "Default"), (5, "Aardvark")]


async def test_the_total_counts_the_type_that_was_asked_for(api: Api) -> None:
    await api.category("Zebra")

    answer = await api.get(CATEGORIES, type="lead", limit=1)

    assert answer.json()["meta"] == {"current_page": 1, "per_page": 1, "total": 2, "last_page": 2}


async def test_an_unknown_type_is_no_filter(untouched: Api) -> None:
    answer = await untouched.get(CATEGORIES, type="leads")

    assert errors(answer) == {"type": ["The selected type is invalid."]}


@pytest.mark.parametrize("category_id", [2, 3])
async def test_a_default_category_cannot_be_deleted(untouched: Api, category_id: int) -> None:
    answer = await untouched.delete(f"{CATEGORIES}/{category_id}")

    assert answer.status_code == 409
    assert list(answer.json()) == ["message"]
    assert len(await listed(untouched)) == 2


async def test_a_category_cannot_be_deleted_while_a_lead_is_in_it(api: Api) -> None:
    category = await api.category()
    lead = await api.lead(lead_categoryid=category["id"])

    in_use = await api.delete(f"{CATEGORIES}/{category['id']}")
    await api.delete(f"/api/leads/{lead['id']}")
    free = await api.delete(f"{CATEGORIES}/{category['id']}")

    assert in_use.status_code == 409
    assert free.status_code == 200


async def test_leads_take_living_categories_of_leads_only(api: Api) -> None:
    lead = await api.lead()
    deleted = await api.category()
    await api.delete(f"{CATEGORIES}/{deleted['id']}")
    of_clients = await api.category(type="client")

    answers = [
        await api.patch(f"/api/leads/{lead['id']}", {"lead_categoryid": category})
        for category in (deleted["id"], of_clients["id"], 2, 999)
    ]

    assert [errors(answer) for answer in answers] == [
        {"lead_categoryid": ["The selected lead categoryid is invalid."]}
    ] * 4
    assert (await api.shown(lead["id"]))["category"] == {"id": 3, "name": "Default"}
