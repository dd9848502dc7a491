"""Listing a lead's checklist, with its progress (contract, section 4, "Checklists")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

ITEMS = "/api/checklists"


async def listed(api: Api, lead: int, **query: Any) -> Json:
    answer = await api.get(ITEMS, resource_type="lead", resource_id=lead, **query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


@pytest.mark.parametrize(
    ("total", "completed", "percentage"),
    [(1, 0, 0), (1, 1, 100), (3, 1, 33), (3, 2, 67), (8, 1, 13), (8, 3, 38), (8, 5, 63), (7, 6, 86)],
)
async def test_the_percentage_is_an_integer_rounded_half_up(
    api: Api, total: int, completed: int, percentage: int
) -> None:
    lead = (await api.lead())["id"]
    items = [await api.item(lead) for _ in range(total)]
    for item in items[:completed]:
        await api.put(f"{ITEMS}/{item['id']}/status", {"status": "completed"})

    body = await listed(api, lead)

    assert body["meta"] == {
        "current_page": 1,
        "per_page": 25,
        "total": total,
        "last_page": 1,
        "progress": {"total": total, "completed": completed, "percentage": percentage},
    }
    assert type(body["meta"]["progress"]["percentage"]) is int
    assert body["message"] == "Checklists retrieved successfully."
    assert list(body) == ["data", "meta", "message"]


async def test_the_checklist_of_an_unknown_lead_is_empty(api: Api) -> None:
    body = await listed(api, 999)

    assert body["data"] == []
    assert body["meta"] == {
        "current_page": 1,
        "per_page": 25,
        "total": 0,
        "last_page": 1,
        "progress": {"total": 0, "completed": 0, "percentage": 0},
    }


async def test_the_pages_are_by_position_and_the_progress_is_of_the_whole(api: Api) -> None:
    lead, other = (await api.lead())["id"], (await api.lead())["id"]
    items = [(await api.item(lead, str(number)))["id"] for number in range(5)]
    await api.item(other)
    await api.put(f"{ITEMS}/{items[0]}/status", {"status": "completed"})
    order = [items[number] for number in (4, 2, 0, 1, 3)]
    await api.put(f"{ITEMS}/positions", {"checklist_ids": order})

    pages = [await listed(api, lead, page=page, limit=2) for page in (1, 2, 3, 4)]

    assert [item["id"] for page in pages for item in page["data"]] == order
    assert [item["position"] for page in pages for item in page["data"]] == [1, 2, 3, 4, 5]
    assert pages[-1]["data"] == []
    assert [page["meta"] for page in pages] == [
        {
            "current_page": page,
            "per_page": 2,
            "total": 5,
            "last_page": 3,
            "progress": {"total": 5, "completed": 1, "percentage": 20},
        }
        for page in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        (
            {},
            {
                "resource_type": ["The resource type field is required."],
                "resource_id": ["The resource id field is required."],
            },
        ),
        ({"resource_type": "lead", "resource_id": ""}, {"resource_id": ["The resource id field is required."]}),
        (
            {"resource_type": "client", "resource_id": "1"},
            {"resource_type": ["The selected resource type is invalid."]},
        ),
        (
            {"resource_type": "lead", "resource_id": "1.0"},
            {"resource_id": ["The resource id field must be an integer."]},
        ),
        (
            {"resource_type": "lead", "resource_id": "1", "limit": "0", "sort": "position"},
            {"limit": ["The limit field must be at least 1."], "sort": ["The selected sort is invalid."]},
        ),
    ],
)
async def test_a_bad_query_is_told(api: Api, query: Json, faults: Any) -> None:
    answer = await api.get(ITEMS, **query)

    assert errors(answer) == faults


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("checklist_position", "cab"), ("checklist_status", "cba"), ("checklist_created", "abc"), ("", "cab")],
)
async def test_a_checklist_is_sorted_as_asked_for(api: Api, sort: str, expected: str) -> None:
    lead = (await api.lead())["id"]
    ids = {text: (await api.item(lead, text))["id"] for text in "abc"}
    await api.put(f"{ITEMS}/positions", {"checklist_ids": [ids["c"], ids["a"], ids["b"]]})
    await api.put(f"{ITEMS}/{ids['a']}/status", {"status": "completed"})

    async def texts(order: str) -> str:
        answer = await api.get(ITEMS, resource_type="lead", resource_id=lead, sort=sort, order=order)
        return "".join(item["text"] for item in answer.json()["data"])

    assert await texts("asc") == await texts("") == expected
    assert await texts("desc") == expected[::-1]


async def test_another_sort_of_a_checklist_is_refused(api: Api) -> None:
    answer = await api.get(ITEMS, resource_type="lead", resource_id=1, sort="text", order="up")

    assert set(errors(answer)) == {"sort", "order"}
