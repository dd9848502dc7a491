"""One deadline for all that a request waits for: nothing is sent after it (docs/decisions/0017-one-deadline.md)."""

from asyncio import create_task, gather
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from leads_api.leads import counts
from leads_api.mongo.client import Client, Database
from leads_api.settings import Settings
from tests.client import KEY, Api
from tests.conftest import serving
from tests.simulators.relay import Command, Relay
from tests.wire.leads.test_batches import all_wait, create

SECONDS = 5.0


@pytest.fixture
async def hasty_api(relayed_client: Client, database: Database) -> AsyncIterator[Api]:
    """The API behind the relay, with the default time limit."""
    settings = Settings(api_key=KEY, mongodb_database=database.name, request_timeout=SECONDS, cache_seconds=60.0)
    async with serving(settings, relayed_client) as api:
        yield api


async def titles(database: Database) -> list[str]:
    return sorted([lead["title"] async for lead in database["leads"].find()])


async def test_a_create_behind_one_that_is_not_answered_is_refused_and_never_written(
    hasty_api: Api, relay: Relay, database: Database
) -> None:
    with relay.holding("insert", "leads") as inserts:
        first = create_task(create(hasty_api, "Sent"))
        await inserts.came(1)
        waiting = [create_task(create(hasty_api, "Never sent")) for _ in range(10)]
        answers = await gather(first, *waiting)

    assert [answer.status_code for answer in answers] == [503] * 11
    assert all(answer.headers["Retry-After"] == "1" for answer in answers)
    await hasty_api.lead(lead_title="Later")
    assert await titles(database) == ["Later", "Sent"]
    assert [len(command["documents"]) for command in inserts.commands] == [1]


async def test_a_create_whose_caller_goes_while_it_waits_is_not_written(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    lead = await relayed_api.lead(lead_title="Before")

    with relay.holding("insert", "leads") as inserts:
        creates = [create_task(create(relayed_api, "Sent"))]
        await inserts.came(1)
        gone = [create_task(create(relayed_api, "Gone")) for _ in range(5)]
        creates.append(create_task(create(relayed_api, "Waits")))
        await all_wait(relayed_api, database, last_id=lead["id"] + 7)
        for task in gone:
            task.cancel()
        await gather(*gone, return_exceptions=True)
        inserts.release_all()
        await gather(*creates)

    assert (await titles(database)).count("Gone") == 0
    assert {"Sent", "Waits"} <= set(await titles(database))


async def test_full_counts_of_callers_who_are_gone_are_never_sent_and_the_next_caller_is_served(
    hasty_api: Api, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "EXACT_UP_TO", 1)
    for _ in range(3):
        await hasty_api.lead(lead_value=5)

    def is_full(count: Command) -> bool:
        return all(stage.keys().isdisjoint({"$limit", "$changeStream"}) for stage in count["pipeline"])

    with relay.holding("aggregate", "leads", is_full) as full:
        lists = [f"/api/leads?limit=1&value_max={number}&order=asc" for number in range(10_000, 10_030)]
        answers = await gather(*map(hasty_api.get, lists))
        sent = len(full.commands)
        full.release_all()
        next_caller = await hasty_api.get("/api/leads?limit=1&value_max=20000")

    assert {answer.status_code for answer in answers} == {503}
    # On a busy machine some come so late that they have time left when the first ones have none.
    assert counts.FULL_AT_ONCE <= sent < len(lists) / 2
    assert len(full.commands) == sent + 1
    assert (next_caller.status_code, next_caller.json()["meta"]["total"]) == (200, 3)


async def test_what_an_id_has_taken_of_the_time_is_not_there_for_the_insert(relayed_api: Api, relay: Relay) -> None:
    with relay.holding("findAndModify", "counters") as steps, relay.watching("insert", "leads") as inserts:
        creating = create_task(relayed_api.lead())
        await steps.came(1)
        began = monotonic()
        await relayed_api.get("/health/ready")
        held = monotonic() - began
        steps.release()
        await creating

    assert inserts.commands[0]["maxTimeMS"] <= steps.commands[0]["maxTimeMS"] - held * 1000 + 1


async def test_a_lost_commit_is_superseded_at_the_records_of_the_transaction(
    hasty_api: Api, relay: Relay, database: Database
) -> None:
    lead = await hasty_api.lead()

    with (
        relay.holding("commitTransaction", 1) as commits,
        relay.watching("find", "leads") as leads,
        relay.watching("find", "counters") as counters,
        relay.watching("abortTransaction", 1) as aborts,
    ):
        answer = await hasty_api.delete(f"/api/leads/{lead['id']}")
        await aborts.came(2)

    (commit, *_) = commits.commands
    assert answer.status_code == 503
    later = [
        command["filter"]
        for seen in (leads, counters)
        for command in seen.commands
        if command.get("startTransaction") and command["txnNumber"] > commit["txnNumber"]
    ]
    assert later == [{"_id": {"$in": [lead["id"]]}}, {"_id": {"$in": ["leads"]}}]
    assert await titles(database) == []


async def test_a_taken_title_costs_one_transaction(relayed_api: Api, relay: Relay) -> None:
    with relay.watching("find", "counters") as finds, relay.watching("abortTransaction", 1) as aborts:
        answer = await relayed_api.post("/api/lead-statuses", {"title": "New"})

    assert answer.status_code == 422
    assert len(aborts.commands) == 1
    assert finds.commands == []


async def test_a_taken_email_costs_no_transaction(relayed_api: Api, relay: Relay) -> None:
    leads = [await relayed_api.lead() for _ in range(2)]
    await relayed_api.client(leads[0]["id"], email="jane@acme.example")
    wish = {"first_name": "Jane", "last_name": "Doe", "email": "JANE@acme.example"}

    with relay.watching("insert", "users") as inserts, relay.watching("abortTransaction", 1) as aborts:
        answer = await relayed_api.post(f"/api/leads/{leads[1]['id']}/convert", wish)

    assert answer.status_code == 422
    assert inserts.commands == aborts.commands == []
