"""The feed on both stores; what is in it is told on a real server (tests/wire/events)."""

import logging

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, errors
from tests.conftest import Serve


async def test_a_new_feed_is_empty(api: Api) -> None:
    answer = await api.get("/api/events")

    assert answer.status_code == 200
    assert answer.json() == {
        "data": [],
        "meta": {"per_page": 25, "next_after": 0},
        "message": "Events retrieved successfully.",
    }
    assert "Link" not in answer.headers


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("after=-1", {"after": ["The after field must be at least 0."]}),
        ("after=x", {"after": ["The after field must be an integer."]}),
        ("after=9223372036854775808", {"after": ["The after field must be an integer."]}),
        ("type=lead.eaten", {"type": ["The selected type is invalid."]}),
        ("lead_id=0", {"lead_id": ["The lead id field must be at least 1."]}),
        ("page=2&since=1", {"page": None, "since": None}),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(
    query: str, texts: dict[str, list[str] | None], api: Api
) -> None:
    found = errors(await api.get(f"/api/events?{query}"))

    assert found.keys() == texts.keys()
    for name, text in texts.items():
        assert found[name] == (text or [f"The {name} field is not recognised."])


async def test_on_mongomock_the_service_says_once_that_there_are_no_events(
    serve: Serve, database: Database, caplog: pytest.LogCaptureFixture, store: str
) -> None:
    with caplog.at_level(logging.WARNING, "leads.events"):
        async with serve() as api:
            await api.lead()

    said = [record.message for record in caplog.records if record.name == "leads.events"]
    assert said == (["mongomock has no change streams: there are no events"] if store == "mock" else [])
