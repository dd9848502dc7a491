"""The list's `total` around 10 000 leads (contract, "List"). In memory only: the embedded server takes minutes."""

from typing import Any

import mongomock
import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.clock import now
from leads_api.leads.model import new_document
from leads_api.mongo.client import Client, Database
from tests.client import Api, Json


@pytest.fixture
def store_client() -> Client:
    """The databases of these tests are in memory."""
    client: Client = AsyncMongoMockClient()
    return client


async def test_total_is_exact_up_to_ten_thousand_and_may_be_some_seconds_old_above(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr("leads_api.leads.counts.monotonic", lambda: seconds[0])
    moment = now()
    values = {"title": "x", "status": 1, "category": 3}
    await database["leads"].insert_many([new_document(number, values, moment, {}) for number in range(100, 10_099)])
    metas = [await meta(api)]

    for later in (0.0, 0.0, 4.9, 0.2):
        await api.lead()
        seconds[0] += later
        metas.append(await meta(api))

    assert [found["total"] for found in metas] == [9_999, 10_000, 10_001, 10_001, 10_003]
    assert [found["last_page"] for found in metas] == [400, 400, 401, 401, 401]


async def test_a_page_that_contradicts_a_total_of_more_than_a_second_is_counted_anew(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr("leads_api.leads.counts.monotonic", lambda: seconds[0])
    moment = now()
    values = {"title": "x", "status": 1, "category": 3}
    await database["leads"].insert_many([new_document(number, values, moment, {}) for number in range(100, 10_125)])
    before = await meta(api, page=402, order="asc")

    lead = await api.lead()
    seconds[0] += 1.1
    on_a_page_behind = await listed(api, page=402, order="asc")
    far_behind = await listed(api, page=1_000, order="asc")
    await database["leads"].delete_many({})
    seconds[0] += 1.1
    gone = await listed(api)

    assert (before["total"], before["last_page"]) == (10_025, 401)
    assert [found["id"] for found in on_a_page_behind["data"]] == [lead["id"]]
    assert (on_a_page_behind["meta"]["total"], on_a_page_behind["meta"]["last_page"]) == (10_026, 402)
    assert (far_behind["data"], far_behind["meta"]["total"]) == ([], 10_026)
    assert (gone["data"], gone["meta"]["total"]) == ([], 0)


async def test_total_is_exact_as_soon_as_deletions_leave_ten_thousand_or_fewer(api: Api, database: Database) -> None:
    moment = now()
    values = {"title": "x", "status": 1, "category": 3}
    await database["leads"].insert_many([new_document(number, values, moment, {}) for number in range(1, 10_002)])
    before = (await meta(api))["total"]

    await database["leads"].delete_many({"_id": {"$gt": 5_000}})

    assert (before, (await meta(api))["total"]) == (10_001, 5_000)


@pytest.mark.parametrize(
    ("params", "found", "counted"),
    [
        ({}, 5, 0),  # all are on the page
        ({"limit": 5}, 5, 1),  # there may be more
        ({"limit": 3, "page": 2}, 2, 0),  # the last page, and not full
        ({"limit": 3, "page": 3}, 0, 1),  # behind the end: how far, nobody knows
        ({"source": "nowhere"}, 0, 0),
    ],
)
async def test_only_a_full_page_and_one_behind_the_end_are_counted_for(
    api: Api, counts: list[Json], params: dict[str, Any], found: int, counted: int
) -> None:
    for _ in range(5):
        await api.lead()
    counts.clear()

    answer = await listed(api, **params)

    assert len(answer["data"]) == found
    assert answer["meta"]["total"] == (0 if "source" in params else 5)
    assert len(counts) == counted


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """The filters that leads are counted for."""
    seen: list[Json] = []
    count = mongomock.Collection.count_documents

    def watched(self: Any, query: Json, **options: Any) -> Any:
        if self.name == "leads":
            seen.append(query)
        return count(self, query, **options)

    monkeypatch.setattr(mongomock.Collection, "count_documents", watched)
    return seen


async def listed(api: Api, **params: Any) -> Json:
    """Return the answer of the list."""
    found: Json = (await api.get("/api/leads", **params)).json()
    return found


async def meta(api: Api, **params: Any) -> Json:
    """Return the list's `meta`."""
    found: Json = (await listed(api, **params))["meta"]
    return found
