"""GET /api/leads by cursors: what a walk meets, and what it answers (contract, section 5, "Cursor paging")."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import chain, product
from typing import Any

import pytest

from leads_api.leads.store import LeadStore
from tests.client import Api, Json
from tests.conftest import Serve

SORTS = ("lead_title", "lead_value", "lead_created", "lead_last_contacted")
ORDERS = ("asc", "desc")
LEADS: list[tuple[str, float | None, str | None, int]] = [
    ("Acme", None, "2026-01-02", 1),
    ("beta", 5, "2026-01-02", 1),
    ("ACME", 0, None, 1),
    ("Straße", 5, "2025-12-31", 2),
    ("acme", None, None, 3),
    ("STRASSE", 5, "2026-01-02", 3),
    ("gamma", None, None, 4),
    ("Ωmega", 10, "2026-01-03", 4),
]
"""Titles, values, dates of contact and minutes of creation with groups of equals, nulls, and ends between them."""


@pytest.fixture
async def leads(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of those leads."""
    created = []
    for title, value, last_contacted, minute in LEADS:
        moment = datetime(2026, 6, 15, 12, minute, tzinfo=UTC)
        monkeypatch.setattr("leads_api.leads.store.now", lambda moment=moment: moment)
        lead = await api.lead(lead_title=title, lead_value=value, lead_last_contacted=last_contacted)
        created.append(lead["id"])
    return created


@pytest.mark.parametrize(("sort", "order"), list(product(SORTS, ORDERS)))
async def test_a_walk_of_any_page_length_meets_the_leads_of_the_list_once_and_in_its_order(
    api: Api, leads: list[int], sort: str, order: str
) -> None:
    listed = ids(await page(api, sort=sort, order=order))
    assert sorted(listed) == leads

    for limit in (1, 2, 3, len(leads) - 1, len(leads)):
        found_ids = [ids(found) async for found in page_by_cursor(api, sort=sort, order=order, limit=limit)]

        assert [len(met) for met in found_ids[:-1]] == [limit] * (len(found_ids) - 1)
        assert 1 <= len(found_ids[-1]) <= limit
        assert list(chain(*found_ids)) == listed, limit


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "filters",
    [
        {"sort": "lead_value", "value_min": "0"},
        {"sort": "lead_value", "value_min": "1", "value_max": "9.99"},
        {"sort": "lead_value", "value_max": "5"},
        {"sort": "lead_value", "last_contacted_from": "2025-12-31"},
        {"sort": "lead_last_contacted", "last_contacted_to": "2026-01-02"},
        {"sort": "lead_last_contacted", "value_min": "5"},
        {"sort": "lead_created", "created_from": "2026-06-15T12:02:00Z", "created_to": "2026-06-15T12:03:00Z"},
        {"sort": "lead_created", "search": "a m"},
        {"sort": "lead_title", "status": "1,3", "search": "acme"},
    ],
    ids=str,
)
async def test_a_walk_keeps_to_its_filters_also_those_of_the_field_that_it_is_sorted_by(
    api: Api, leads: list[int], filters: dict[str, Any], order: str
) -> None:
    listed = ids(await page(api, order=order, **filters))
    assert 0 < len(listed) < len(leads)

    for limit in (1, 2):
        found_ids = [ids(found) async for found in page_by_cursor(api, order=order, limit=limit, **filters)]

        assert list(chain(*found_ids)) == listed


async def test_a_page_of_a_walk_has_whole_leads_its_own_meta_and_the_message(api: Api) -> None:
    first, second = await api.lead(lead_value=5), await api.lead()

    begin = await page(api, cursor="*", limit=1)
    end = await page(api, cursor=begin["meta"]["next_cursor"], limit=1)

    assert list(begin) == ["data", "meta", "message"]
    assert begin["data"] == [await api.shown(second["id"])]
    assert begin["message"] == "Leads retrieved successfully."
    assert list(begin["meta"]) == ["per_page", "next_cursor"]
    assert begin["meta"]["per_page"] == 1
    assert end["data"] == [await api.shown(first["id"])]
    assert end["meta"] == {"per_page": 1, "next_cursor": None}


async def test_a_cursor_needs_no_encoding_in_a_query(api: Api) -> None:
    for title in ("ÿþý?>~", "~~~???>>>"):
        await api.lead(lead_title=title)

    token = (await page(api, cursor="*", sort="lead_title", limit=1))["meta"]["next_cursor"]

    assert token.replace("-", "").replace("_", "").isalnum()
    assert token.isascii()


async def test_a_walk_of_nothing_ends_at_once(api: Api) -> None:
    assert await page(api, cursor="*") == {
        "data": [],
        "meta": {"per_page": 25, "next_cursor": None},
        "message": "Leads retrieved successfully.",
    }


async def test_an_empty_cursor_is_as_if_it_were_absent(api: Api) -> None:
    await api.lead()

    assert await page(api, cursor="") == await page(api)
    assert list((await page(api, cursor="*", page=""))["meta"]) == ["per_page", "next_cursor"]


async def test_the_length_of_pages_may_change_during_a_walk_and_is_a_setting(serve: Serve) -> None:
    async with serve(default_limit=2) as api:
        for _ in range(6):
            await api.lead()

        first = await page(api, cursor="*")
        second = await page(api, cursor=first["meta"]["next_cursor"], limit=1)
        third = await page(api, cursor=second["meta"]["next_cursor"], limit=500)

    assert [ids(found) for found in (first, second, third)] == [[6, 5], [4], [3, 2, 1]]
    assert [found["meta"]["per_page"] for found in (first, second, third)] == [2, 1, 100]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"status": "1,3"}, {"status": "3,1,3"}),
        ({"source": "Web", "tag": "Hot"}, {"tag": "hOT", "source": "WEB"}),
        ({"email": "a@x.example"}, {"email": "A@X.example"}),
        ({"search": "acme café news"}, {"search": " CAFE  news acme acme"}),
        ({"created_from": "2026-06-15"}, {"created_from": "2026-06-15T02:00:00+02:00"}),
        ({"value_min": "2"}, {"value_min": "2.00"}),
        ({}, {"sort": "lead_created", "order": "desc", "status": "", "search": ""}),
    ],
    ids=str,
)  # fmt: skip
async def test_filters_may_be_written_differently_when_they_mean_the_same(
    api: Api, one: dict[str, str], other: dict[str, str]
) -> None:
    for _ in range(2):
        lead = await api.lead(lead_title="Acme café news", lead_source="web", lead_email="A@x.example", lead_value=2)
        await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["HOT"]})

    begin = await page(api, cursor="*", limit=1, **one)
    end = await page(api, cursor=begin["meta"]["next_cursor"], limit=1, **other)

    assert (ids(begin), ids(end)) == ([2], [1])


async def test_titles_of_any_length_and_letters_can_be_walked(api: Api) -> None:
    for _ in range(3):
        await api.lead(lead_title="ῷ" * 250)  # the letter that folds to the most bytes

    found_ids = [ids(found) async for found in page_by_cursor(api, sort="lead_title", limit=1)]

    assert found_ids == [[3], [2], [1]]


@pytest.mark.parametrize(("sort", "order"), list(product(SORTS, ORDERS)))
async def test_a_lead_that_a_cursor_points_at_may_change_or_go(
    api: Api, leads: list[int], sort: str, order: str
) -> None:
    listed = ids(await page(api, sort=sort, order=order))

    begin = await page(api, cursor="*", sort=sort, order=order, limit=2)
    await api.delete(f"/api/leads/{listed[1]}")
    rest = [
        ids(found) async for found in page_by_cursor(api, begin["meta"]["next_cursor"], sort=sort, order=order, limit=2)
    ]

    assert list(chain(ids(begin), *rest)) == listed
    changes = {"lead_title": "Mu", "lead_value": 7, "lead_last_contacted": "2026-01-01"}
    await api.patch(f"/api/leads/{listed[2]}", changes)
    again = await page(api, cursor=begin["meta"]["next_cursor"], sort=sort, order=order, limit=1)
    assert ids(again) in ([listed[2]], [listed[3]])


@pytest.mark.parametrize(("sort", "order"), list(product(SORTS, ORDERS)))
async def test_leads_that_stay_as_they_are_are_met_once_whatever_happens_to_others(
    api: Api, leads: list[int], sort: str, order: str
) -> None:
    listed = ids(await page(api, sort=sort, order=order))
    untouched = [lead for number, lead in enumerate(listed) if number not in {1, 3, 4}]
    met: list[int] = []

    async for found in page_by_cursor(api, sort=sort, order=order, limit=2):
        met += ids(found)
        match len(met):
            case 2:  # the last one of this page, and the first ones of the next
                await api.delete(f"/api/leads/{listed[1]}")
                await api.patch(f"/api/leads/{listed[3]}", {"lead_title": "a", "lead_value": 1})
                await api.lead(lead_title="acme", lead_value=5, lead_last_contacted="2026-01-02")
            case 4:
                await api.delete(f"/api/leads/{listed[4]}")
                await api.lead(lead_title="b")

    assert [lead for lead in met if lead in untouched] == untouched


async def test_a_walk_by_someone_who_is_just_being_deleted_is_empty(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def held(_self: LeadStore, _member_id: int, _by: int) -> None:
        reached.set()
        await ended.wait()

    monkeypatch.setattr(LeadStore, "clear_assignments", held)
    async with serve() as api:
        sam, lead = await api.member(), await api.lead()
        await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [sam["id"]]})
        before = await page(api, cursor="*", assigned_user_id=sam["id"])
        deletion = asyncio.create_task(api.delete(f"/api/team/{sam['id']}"))
        await reached.wait()

        found = await page(api, cursor="*", assigned_user_id=sam["id"])

        ended.set()
        assert (await deletion).status_code == 200
    assert ids(before) == [lead["id"]]
    assert (found["data"], found["meta"]["next_cursor"]) == ([], None)


async def page_by_cursor(api: Api, cursor: str | None = "*", **params: Any) -> AsyncIterator[Json]:
    """Go from page to page until the end."""
    seen: set[str] = set()
    while cursor is not None:
        assert cursor not in seen, "the walk goes in circles"
        seen.add(cursor)
        found = await page(api, cursor=cursor, **params)
        yield found
        cursor = found["meta"]["next_cursor"]


async def page(api: Api, **params: Any) -> Json:
    """Return the body of a list."""
    answer = await api.get("/api/leads", **params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def ids(found: Json) -> list[int]:
    """Return the ids of a page's leads, in its order."""
    return [lead["id"] for lead in found["data"]]
