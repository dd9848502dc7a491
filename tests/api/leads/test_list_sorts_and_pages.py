"""GET /api/leads: sorts, pages and counts (contract, "List"; section 1, "Success")."""

from datetime import UTC, datetime

import pytest

from leads_api.leads import counts
from tests.client import Api, Json
from tests.conftest import Serve

BEYOND_EVERYTHING = 2**63 - 1
ORDERS = {
    ("", ""): [1, 4, 3, 2],
    ("", "asc"): [2, 3, 4, 1],
    ("lead_created", "desc"): [1, 4, 3, 2],
    ("lead_created", "asc"): [2, 3, 4, 1],
    ("lead_title", ""): [4, 1, 3, 2],
    ("lead_title", "asc"): [2, 3, 1, 4],
    ("lead_value", "desc"): [4, 3, 2, 1],
    ("lead_value", "asc"): [1, 2, 3, 4],
    ("lead_last_contacted", "desc"): [3, 2, 4, 1],
    ("lead_last_contacted", "asc"): [1, 4, 2, 3],
}


async def test_sorts_end_with_the_id_in_the_same_direction_with_nulls_lowest_and_titles_in_any_case(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title, value, last_contacted, minute in (
        ("banana", None, None, 3),
        ("Apple", 5, "2026-01-02", 1),
        ("apple", 5, "2026-01-02", 1),
        ("Cherry", 10, "2025-12-31", 2),
    ):
        moment = datetime(2026, 6, 15, 12, minute, tzinfo=UTC)
        monkeypatch.setattr("leads_api.leads.store.now", lambda moment=moment: moment)
        await api.lead(lead_title=title, lead_value=value, lead_last_contacted=last_contacted)

    found = {(sort, order): ids(await page(api, sort=sort, order=order)) for sort, order in ORDERS}

    assert found == ORDERS


async def test_sorting_does_not_follow_later_changes_of_other_fields(api: Api) -> None:
    first, second = await api.lead(), await api.lead()

    await api.patch(f"/api/leads/{first['id']}", {"lead_phone": "1"})

    assert ids(await page(api)) == [second["id"], first["id"]]


@pytest.mark.parametrize("sort", ["lead_title", "lead_value", "lead_created", "lead_last_contacted"])
async def test_walking_the_pages_meets_each_lead_once(api: Api, sort: str) -> None:
    for number in range(7):
        await api.lead(lead_value=number % 2 or None)

    pages = [await page(api, sort=sort, limit=2, page=number) for number in (1, 2, 3, 4)]

    assert [len(found["data"]) for found in pages] == [2, 2, 2, 1]
    assert sorted(lead for found in pages for lead in ids(found)) == list(range(1, 8))
    assert [found["meta"] for found in pages] == [
        {"current_page": number, "per_page": 2, "total": 7, "last_page": 4} for number in (1, 2, 3, 4)
    ]


async def test_a_list_carries_whole_leads_then_meta_then_the_message(api: Api) -> None:
    lead = await api.lead(lead_value=5)
    await api.comment(lead["id"])

    found = await page(api)

    assert list(found) == ["data", "meta", "message"]
    assert found["data"] == [await api.shown(lead["id"])]
    assert found["message"] == "Leads retrieved successfully."


async def test_an_empty_list_has_one_page(api: Api) -> None:
    found = await page(api)

    assert found["data"] == []
    assert found["meta"] == {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1}


async def test_a_full_last_page_is_not_followed_by_an_empty_one(api: Api) -> None:
    for _ in range(4):
        await api.lead()

    found = await page(api, limit=2)

    assert found["meta"]["last_page"] == 2


@pytest.mark.parametrize("number", [2, 1000, BEYOND_EVERYTHING])
async def test_a_page_past_the_end_is_empty_with_a_true_meta(api: Api, number: int) -> None:
    await api.lead()

    found = await page(api, page=number)

    assert found["data"] == []
    assert found["meta"] == {"current_page": number, "per_page": 25, "total": 1, "last_page": 1}


async def test_a_page_has_25_leads_unless_the_caller_says_otherwise_and_100_at_most(api: Api) -> None:
    for _ in range(101):
        await api.lead()

    sizes = {
        limit: await page(api, **({"limit": limit} if limit else {})) for limit in ("", "1", "100", "101", "99999")
    }

    assert {limit: len(found["data"]) for limit, found in sizes.items()} == {
        "": 25, "1": 1, "100": 100, "101": 100, "99999": 100,
    }  # fmt: skip
    assert {limit: found["meta"]["per_page"] for limit, found in sizes.items()} == {
        "": 25, "1": 1, "100": 100, "101": 100, "99999": 100,
    }  # fmt: skip
    assert {limit: found["meta"]["last_page"] for limit, found in sizes.items()} == {
        "": 5, "1": 101, "100": 2, "101": 2, "99999": 2,
    }  # fmt: skip


async def test_the_length_of_pages_is_a_setting(serve: Serve) -> None:
    async with serve(default_limit=2) as api:
        for _ in range(3):
            await api.lead()

        found = await page(api)
        blank = await page(api, limit="")

    assert found["meta"] == {"current_page": 1, "per_page": 2, "total": 3, "last_page": 2}
    assert blank == found


async def test_meta_counts_what_the_filters_find(api: Api) -> None:
    for status in (1, 3, 3, 3):
        await api.lead(lead_status=status)

    found = await page(api, status=3, limit=2, page=2)

    assert len(found["data"]) == 1
    assert found["meta"] == {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2}


async def test_a_count_up_to_the_bound_is_exact_at_every_moment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "EXACT_UP_TO", 3)
    totals = []

    for _ in range(3):
        await api.lead()
        totals.append((await page(api))["meta"]["total"])

    assert totals == [1, 2, 3]


async def test_a_count_above_the_bound_is_taken_anew_when_it_is_five_seconds_old(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr(counts, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(counts, "EXACT_UP_TO", 3)
    for _ in range(4):
        await api.lead()
    before = (await page(api))["meta"]["total"]
    await api.lead()

    seconds[0] += 5.0

    assert before == 4
    assert (await page(api))["meta"]["total"] == 5


async def test_counts_above_the_bound_are_kept_apart_by_filter(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "EXACT_UP_TO", 1)
    for status in (1, 1, 3, 3, 3):
        await api.lead(lead_status=status)

    totals = [(await page(api, status=status))["meta"]["total"] for status in ("1", "3", "1,3", "1")]

    assert totals == [2, 3, 5, 2]


async def page(api: Api, **params: str | int) -> Json:
    """Return the body of a list."""
    answer = await api.get("/api/leads", **params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def ids(found: Json) -> list[int]:
    """Return the ids of a list's leads, in its order."""
    return [lead["id"] for lead in found["data"]]
