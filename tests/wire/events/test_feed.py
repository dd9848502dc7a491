"""The feed: pages, filters, and what may be asked (contract, section 5, "Events")."""

import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.client import Api, Json
from tests.conftest import Serve
from tests.wire.events.feed import followed


async def page(api: Api, **params: object) -> Json:
    answer = await api.get("/api/events", **params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    assert list(body) == ["data", "meta", "message"]
    assert body["message"] == "Events retrieved successfully."
    return body


async def test_next_after_leads_through_all_events_and_stays_at_the_end(api: Api) -> None:
    for _ in range(5):
        await api.lead()
    events = await followed(api, 5)

    first = await page(api, limit=2)
    second = await page(api, limit=2, after=first["meta"]["next_after"])
    third = await page(api, limit=2, after=second["meta"]["next_after"])
    empty = await page(api, limit=2, after=third["meta"]["next_after"])

    assert first["data"] + second["data"] + third["data"] == events
    assert [each["meta"] for each in (first, second, third, empty)] == [
        {"per_page": 2, "next_after": 2},
        {"per_page": 2, "next_after": 4},
        {"per_page": 2, "next_after": 5},
        {"per_page": 2, "next_after": 5},
    ]
    assert empty["data"] == []
    assert (await page(api, after=0))["data"] == events
    assert (await page(api, after=9_000_000_000_000))["meta"]["next_after"] == 9_000_000_000_000


async def test_events_are_filtered_by_type_and_by_lead(api: Api) -> None:
    leads = [(await api.lead())["id"] for _ in range(2)]
    for lead in leads:
        await api.put(f"/api/leads/{lead}/tags", {"tags": ["a"]})
    await followed(api, 4)

    tagged = (await page(api, type="lead.tagged"))["data"]
    first = (await page(api, lead_id=leads[0]))["data"]
    both = await page(api, lead_id=leads[1], type="lead.tagged")
    nothing = await page(api, type="feed.gap", after=1)

    assert [event["data"]["lead_id"] for event in tagged] == leads
    assert [event["type"] for event in first] == ["lead.created", "lead.tagged"]
    assert [event["id"] for event in both["data"]] == [tagged[1]["id"]]
    assert both["meta"]["next_after"] == tagged[1]["id"]
    assert (nothing["data"], nothing["meta"]["next_after"]) == ([], 1)
    assert (await page(api, lead_id=999))["data"] == []


async def test_a_page_of_large_events_has_fewer_of_them(serve: Serve) -> None:
    async with serve(max_page_bytes=65_536) as api:
        for _ in range(5):
            await api.lead(lead_description="x" * 30_000)
        await followed(api, 5)
        body = await page(api)
        alone = await page(api, after=body["meta"]["next_after"])

    assert [event["id"] for event in body["data"]] == [1, 2]
    assert [event["id"] for event in alone["data"]] == [3, 4]


async def test_a_key_that_may_only_read_may_read_events(api: Api, database: Database) -> None:
    _, key = await KeyStore(database, Ids(database)).create("reader", user=1, expires=None, scope="read")

    answer = await api.get("/api/events")
    reading = await api.http.get("/api/events", headers={"Authorization": f"Bearer {key}"})

    assert reading.status_code == 200
    assert reading.json() == answer.json()


async def test_the_setting_says_how_long_events_are_kept(serve: Serve, database: Database) -> None:
    kept = []
    for days in (3, 5):
        async with serve(event_days=days):
            indexes = await database["events"].index_information()
            kept += [index["expireAfterSeconds"] for index in indexes.values() if "expireAfterSeconds" in index]
            assert [index["key"] for name, index in indexes.items() if name == "written"] == [[("written", 1)]]

    assert kept == [3 * 86400, 5 * 86400]
    async with serve() as api:
        await api.lead()
        await followed(api, 1)
    event = await database["events"].find_one({"_id": 1})
    assert event
    assert abs((event["written"] - event["at"]).total_seconds()) < 60


@pytest.mark.parametrize("change", [{"event_days": 7}])
async def test_indexes_are_there_for_the_filters(change: Json, serve: Serve, database: Database) -> None:
    async with serve(**change):
        indexes = await database["events"].index_information()

    assert {tuple(field for field, _ in index["key"]) for index in indexes.values()} == {
        ("_id",), ("lead_id", "_id"), ("type", "_id"), ("written",),
    }  # fmt: skip
