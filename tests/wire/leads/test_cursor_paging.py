"""Walks by cursor on a real server: while leads are written, and how their queries are run (contract, section 5)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from leads_api.clock import now
from leads_api.leads.cursor import Cursor, write_cursor
from leads_api.leads.listing import order_of, segments
from leads_api.leads.schemas import LeadQuery
from leads_api.leads.store import COLLECTION
from leads_api.mongo.client import Database
from tests.client import Api, Json

SORTS = ["lead_title", "lead_value", "lead_created", "lead_last_contacted"]
DAYS = ["2026-01-01", "2026-01-02", None]
ROUNDS = 15


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_a_walk_meets_untouched_leads_once_while_others_are_created_changed_and_deleted(
    api: Api, sort: str, order: str
) -> None:
    untouched = await create(api, 24)
    changing = await create(api, 8)
    leaving = await create(api, ROUNDS)
    ended = asyncio.Event()

    async def write() -> None:
        for number in range(ROUNDS):
            body = {"lead_title": f"Lead {number % 4}", "lead_value": number, "lead_last_contacted": DAYS[number % 3]}
            await asyncio.gather(
                api.patch(f"/api/leads/{changing[number % len(changing)]}", body),
                api.delete(f"/api/leads/{leaving[number]}"),
                api.lead(**body),
            )
        ended.set()

    writing = asyncio.create_task(write())
    rounds = 0
    while rounds == 0 or not ended.is_set():
        met = Counter([lead["id"] async for lead in page_by_cursor(api, sort=sort, order=order, limit=5)])
        rounds += 1
        assert {lead: met[lead] for lead in untouched} == dict.fromkeys(untouched, 1)
    await writing

    listed = (await api.get("/api/leads", sort=sort, order=order, limit=100)).json()["data"]
    assert [lead async for lead in page_by_cursor(api, sort=sort, order=order, limit=7)] == listed


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_walk_goes_on_behind_values_of_more_than_32_bits(api: Api, order: str) -> None:
    values = ["21474836.47", "21474836.48", "99999999.99", "99999999.99"]
    leads = [(await api.lead(lead_value=value))["id"] for value in values]

    met = [lead["id"] async for lead in page_by_cursor(api, sort="lead_value", order=order, limit=1)]

    assert met == (leads if order == "asc" else leads[::-1])


async def create(api: Api, count: int) -> list[int]:
    """Create leads with equal titles, values, days and moments among them; return their ids."""
    leads = [
        api.lead(lead_title=f"Lead {n % 5}", lead_value=n % 4 or None, lead_last_contacted=DAYS[n % 3])
        for n in range(count)
    ]
    return [lead["id"] for lead in await asyncio.gather(*leads)]


async def page_by_cursor(api: Api, **params: Any) -> AsyncIterator[Json]:
    """Return the leads of all pages."""
    cursor: str | None = "*"
    seen: set[str] = set()
    while cursor is not None:
        assert cursor not in seen, "the walk goes in circles"
        seen.add(cursor)
        answer = await api.get("/api/leads", cursor=cursor, **params)
        assert answer.status_code == 200, answer.text
        for lead in answer.json()["data"]:
            yield lead
        cursor = answer.json()["meta"]["next_cursor"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("index", "filters", "key"),
    [
        ("created", {"sort": "lead_created"}, now()),
        ("status_created", {"sort": "lead_created", "status": [1]}, now()),
        ("title", {"sort": "lead_title"}, "lead 7"),
        ("value", {"sort": "lead_value"}, 500),
        ("value", {"sort": "lead_value"}, None),
        ("value", {"sort": "lead_value", "value_min": 100}, 500),
        ("last_contacted", {"sort": "lead_last_contacted"}, "2026-01-01"),
        ("last_contacted", {"sort": "lead_last_contacted"}, None),
    ],
)
async def test_all_that_a_page_is_read_from_are_ranges_of_the_index_that_the_first_page_walks(
    planned: Database, index: str, filters: dict[str, Any], key: Any, order: str
) -> None:
    query = LeadQuery(**filters | {"order": order})
    query = replace(query, cursor=write_cursor(Cursor(key, 25, ties=True), asdict(query)))

    plans = [await indexes(planned, wanted, query) for wanted in segments(query)]

    assert plans
    assert all(plan == [index] for plan in plans)


async def indexes(database: Database, wanted: dict[str, Any], query: LeadQuery) -> list[str | None]:
    """Return the indexes that a find reads; None for a scan of the collection."""
    find = {"find": COLLECTION, "filter": wanted, "sort": dict(order_of(query)), "limit": query.limit + 1}
    explained = await database.command({"explain": find, "verbosity": "queryPlanner"})
    stages = [explained["queryPlanner"]["winningPlan"]]
    while inner := stages[-1].get("inputStage"):
        stages.append(inner)
    return [stage.get("indexName") for stage in stages if stage["stage"] in {"IXSCAN", "COLLSCAN"}]
