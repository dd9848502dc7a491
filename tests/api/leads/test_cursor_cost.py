"""What a page of a walk costs (contract, section 5, "Cursor paging": steady at any depth). Calls, so in memory only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import mongomock
import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo.client import Client
from tests.client import Api

Query = dict[str, Any]


@pytest.fixture
def store_client() -> Client:
    """The databases of these tests are in memory."""
    client: Client = AsyncMongoMockClient()
    return client


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """The filters of all finds and counts in the collection of leads."""
    seen: list[Query] = []

    def watched(original: Any) -> Any:
        def call(self: Any, *args: Any, **options: Any) -> Any:
            if self.name == "leads":
                seen.append(args[0] if args else options["filter"])
            return original(self, *args, **options)

        return call

    for name in ("find", "count_documents", "aggregate"):
        monkeypatch.setattr(mongomock.Collection, name, watched(getattr(mongomock.Collection, name)))
    return seen


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_every_page_of_the_default_sort_is_one_find_and_nothing_is_counted(
    api: Api, finds: list[Query], monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    at_different_moments(monkeypatch)
    for _ in range(6):
        await api.lead()
    finds.clear()

    pages = await page_by_cursor(api, order=order, limit=2)

    assert pages == 3
    # Downwards, leads without a moment would come last.
    assert len(finds) == (3 if order == "asc" else 4)


async def test_a_page_is_read_from_single_ranges_without_an_offset_until_it_is_full(
    api: Api, finds: list[Query]
) -> None:
    for value in (1, 1, 2, 2, 2, None, None, None, None):
        await api.lead(lead_value=value)
    finds.clear()

    await page_by_cursor(api, sort="lead_value", order="desc", limit=2)

    assert finds == [
        {},  # 5 4 |
        {"value": 200, "_id": {"$lt": 4}}, {"value": {"$lt": 200}},  # 3 | 2 |
        {"value": 100, "_id": {"$lt": 2}}, {"value": {"$lt": 100}}, {"value": None},  # 1 | - | 9 |
        {"value": None, "_id": {"$lt": 9}},  # 8 7 |
        {"value": None, "_id": {"$lt": 7}},  # 6
    ]  # fmt: skip


async def test_upwards_the_leads_without_a_key_come_first(api: Api, finds: list[Query]) -> None:
    for value in (None, None, 0, 1, None):
        await api.lead(lead_value=value)
    finds.clear()

    await page_by_cursor(api, sort="lead_value", order="asc", limit=2)

    assert finds == [
        {},  # 1 2 |
        {"value": None, "_id": {"$gt": 2}}, {"value": {"$gt": -1}},  # 5 | 3 |
        {"value": {"$gt": 0}},  # 4
    ]  # fmt: skip


async def test_leads_without_a_key_are_not_asked_for_where_a_filter_leaves_them_out(
    api: Api, finds: list[Query]
) -> None:
    for day in ("2026-01-01", "2026-01-02", None):
        await api.lead(lead_last_contacted=day)
    finds.clear()

    await page_by_cursor(api, sort="lead_last_contacted", limit=1, last_contacted_from="2026-01-01")

    assert finds == [
        {"last_contacted": {"$gt": "2025-12-31"}},
        {"last_contacted": {"$gt": "2025-12-31", "$lt": "2026-01-02"}},
    ]


def at_different_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every lead be created a second after the one before."""
    moments = (datetime(2026, 6, 15, tzinfo=UTC) + timedelta(seconds=second) for second in range(1000))
    monkeypatch.setattr("leads_api.leads.store.now", lambda: next(moments))


async def page_by_cursor(api: Api, **params: Any) -> int:
    """Go to the end; return how many pages there were."""
    cursor: str | None = "*"
    pages = 0
    while cursor is not None:
        assert pages < 20, "the walk goes in circles"
        meta = (await api.get("/api/leads", cursor=cursor, **params)).json()["meta"]
        cursor, pages = meta["next_cursor"], pages + 1
    return pages
