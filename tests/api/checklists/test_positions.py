"""PUT /api/checklists/positions (contract, section 4, "Checklists")."""

import pytest

from tests.client import Api, Json, errors

POSITIONS = "/api/checklists/positions"


@pytest.fixture
async def lead(api: Api) -> int:
    made = await api.lead()
    lead_id: int = made["id"]
    return lead_id


async def three(api: Api, lead: int) -> list[int]:
    return [(await api.item(lead, text))["id"] for text in ("a", "b", "c")]


async def order(api: Api, lead: int) -> list[int]:
    answer = await api.get("/api/checklists", resource_type="lead", resource_id=lead)
    return [item["id"] for item in answer.json()["data"]]


async def test_the_items_take_the_order_of_the_ids(api: Api, lead: int) -> None:
    a, b, c = await three(api, lead)

    answer = await api.put(POSITIONS, {"checklist_ids": [c, str(a), b]})

    assert answer.status_code == 200
    assert answer.json()["message"] == "Checklist positions updated successfully."
    assert answer.json()["data"] == {"checklist_ids": [c, a, b]}
    assert await order(api, lead) == [c, a, b]


@pytest.mark.parametrize("name", ["checklist_ids[]", "checklist_ids"])
async def test_a_form_repeats_the_name(api: Api, lead: int, name: str) -> None:
    a, b, c = await three(api, lead)

    answer = await api.put(POSITIONS, data={name: [str(b), str(c), str(a)]})

    assert answer.status_code == 200
    assert await order(api, lead) == [b, c, a]


async def test_a_new_item_comes_behind_the_ordered_ones(api: Api, lead: int) -> None:
    a, b, c = await three(api, lead)
    await api.put(POSITIONS, {"checklist_ids": [c, b, a]})
    for gone in (c, b):
        await api.delete(f"/api/checklists/{gone}")

    item = await api.item(lead)

    assert await order(api, lead) == [a, item["id"]]


async def test_the_ids_must_be_exactly_those_of_one_lead(api: Api, lead: int) -> None:
    a, b, c = await three(api, lead)
    foreign = (await api.item((await api.lead())["id"]))["id"]
    lists = {
        "one missing": [b, a],
        "one of another lead": [c, b, a, foreign],
        "another lead's first": [foreign, c, b, a],
        "one in another's place": [c, b, foreign],
        "one twice": [c, b, a, a],
        "one twice, one missing": [c, b, b],
        "an unknown one": [c, b, a, 999],
        "an unknown one first": [999, c, b, a],
        "only unknown ones": [999],
    }

    for name, ids in lists.items():
        answer = await api.put(POSITIONS, {"checklist_ids": ids})
        assert errors(answer) == {"checklist_ids": ["The selected checklist ids is invalid."]}, name

    assert await order(api, lead) == [a, b, c]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"checklist_ids": ["The checklist ids field is required."]}),
        ({"checklist_ids": None}, {"checklist_ids": ["The checklist ids field is required."]}),
        ({"checklist_ids": 1}, {"checklist_ids": ["The checklist ids field must be an array."]}),
        ({"checklist_ids": "1,2"}, {"checklist_ids": ["The checklist ids field must be an array."]}),
        (
            {"checklist_ids": [1, "x", 2**63]},
            {
                "checklist_ids.1": ["The checklist ids.1 field must be an integer."],
                "checklist_ids.2": ["The checklist ids.2 field must be an integer."],
            },
        ),
        (
            {"checklist_ids": [1], "resource_id": 1},
            {"resource_id": ["The resource id field is not recognised."]},
        ),
    ],
)
async def test_faults_are_told(api: Api, body: Json, faults: dict[str, list[str]]) -> None:
    answer = await api.put(POSITIONS, body)

    assert errors(answer) == faults


async def test_an_empty_array_is_nobodys_checklist(api: Api, lead: int) -> None:
    await three(api, lead)

    answers = [
        await api.put(POSITIONS, {"checklist_ids": []}),
        await api.put(POSITIONS, data={"checklist_ids[]": ""}),
    ]

    assert [errors(answer).keys() for answer in answers] == [{"checklist_ids"}, {"checklist_ids"}]
