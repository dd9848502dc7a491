"""A form that sends everything three times makes one lead of each entry (contract, section 5)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json

TIMES = 3
ENTRIES = 6


@dataclass(frozen=True)
class Entry:
    """What somebody has entered into the form."""

    number: str

    @property
    def body(self) -> Json:
        return {"lead_title": f"Entry {self.number}", "lead_status": 1, "lead_categoryid": 3}

    @property
    def with_id(self) -> Json:
        return self.body | {"lead_external_id": f"form-{self.number}"}

    @property
    def key(self) -> Json:
        return {"Idempotency-Key": f"form-{self.number}"}


Way = Callable[[Api, Entry], Awaitable[httpx.Response]]
"""How the form sends an entry."""

WAYS: dict[str, Way] = {
    "by external id": lambda api, entry: api.put(f"/api/leads/by-external-id/form-{entry.number}", entry.body),
    "by key": lambda api, entry: api.post("/api/leads", entry.body, headers=entry.key),
    "in a batch": lambda api, entry: api.post("/api/leads/batch", {"leads": [entry.with_id], "on_existing": "update"}),
    "in a batch by key": lambda api, entry: api.post("/api/leads/batch", {"leads": [entry.body]}, headers=entry.key),
}


async def sent(way: Way, api: Api, entry: Entry) -> int:
    """Send an entry until it is accepted; return the id of its lead."""
    while (answer := await way(api, entry)).status_code == 409:
        assert answer.headers["Retry-After"]  # the same is being done for another try
        await asyncio.sleep(0.05)
    assert answer.is_success, answer.text
    data = answer.json()["data"]
    lead_id: int = data[0]["id"] if isinstance(data, list) else data["id"]
    return lead_id


@pytest.mark.parametrize("way", WAYS)
async def test_a_form_that_sends_each_lead_three_times_makes_one_of_each(
    api: Api, second: Api, database: Database, way: str
) -> None:
    services = (api, second)
    made: dict[Entry, set[int]] = {}
    for number in range(ENTRIES):
        entry = Entry(f"{number}")
        # One half of the entries is new when it comes three times at once, the other when it comes the first time.
        in_a_row = [await sent(WAYS[way], services[turn % 2], entry) for turn in range(TIMES * (number % 2))]
        at_once = await asyncio.gather(*(sent(WAYS[way], services[turn % 2], entry) for turn in range(TIMES)))
        after = [await sent(WAYS[way], services[turn % 2], entry) for turn in range(TIMES)]
        made[entry] = {*in_a_row, *at_once, *after}

    leads = {lead["_id"]: lead["title"] async for lead in database["leads"].find({}, {"title": 1})}
    assert all(len(ids) == 1 for ids in made.values()), made
    assert leads == {ids.pop(): f"Entry {entry.number}" for entry, ids in made.items()}
    assert len(leads) == ENTRIES


async def test_a_form_that_repeats_all_of_its_entries_at_once_in_all_ways_makes_one_of_each(
    api: Api, second: Api, database: Database
) -> None:
    # A way has entries of its own: what comes by different ways has nothing in common but the external id.
    entries = [(way, Entry(f"{way.replace(' ', '-')}-{number}")) for way in WAYS for number in range(ENTRIES)]

    ids = await asyncio.gather(
        *(sent(WAYS[way], (api, second)[turn % 2], entry) for turn in range(TIMES) for way, entry in entries)
    )

    assert ids[: len(entries)] * TIMES == ids
    titles = [lead["title"] async for lead in database["leads"].find({}, {"title": 1})]
    assert sorted(titles) == sorted(f"Entry {entry.number}" for _, entry in entries)
