"""Reads and creates that travel together, on a real server (app/leads_api/mongo/batching.py)."""

from asyncio import CancelledError, Task, create_task, gather
from collections import Counter
from typing import Any

from httpx import Response

from leads_api.errors import Failure
from leads_api.mongo.batching import insert_each
from leads_api.mongo.client import Database
from leads_api.mongo.faults import Duplicate
from tests.client import Api
from tests.simulators.relay import Relay
from tests.wire.process import until


async def create(api: Api, title: str) -> Response:
    return await api.post("/api/leads", {"lead_title": title, "lead_status": 1, "lead_categoryid": 3})


async def all_wait(api: Api, database: Database, *, last_id: int) -> None:
    """Wait until creates have all got their ids, and one more round trip: they wait for their insert then."""

    async def given() -> bool:
        counter = await database["counters"].find_one({"_id": "leads"})
        return counter is not None and counter["last"] >= last_id

    await until(given, "everyone has an id")
    await api.get("/health/ready")


async def cancelled(*tasks: Task[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await gather(*tasks, return_exceptions=True)


async def test_of_many_reads_at_once_each_gets_its_own_lead_or_its_own_404(api: Api) -> None:
    leads = await gather(*(api.lead(lead_title=f"Lead {number}") for number in range(30)))
    titles = {lead["id"]: lead["title"] for lead in leads}
    wanted = [*titles, *titles, *range(1000, 1030)]

    answers = await gather(*(api.get(f"/api/leads/{lead_id}") for lead_id in wanted))

    for lead_id, answer in zip(wanted, answers, strict=True):
        if lead_id in titles:
            assert answer.json()["data"]["title"] == titles[lead_id]
        else:
            assert (answer.status_code, answer.json()["message"]) == (404, "Lead not found.")


async def test_of_many_creates_at_once_each_answers_with_its_own_lead(api: Api) -> None:
    leads = await gather(*(api.lead(lead_title=f"Lead {number}") for number in range(100)))
    shown = await gather(*(api.shown(lead["id"]) for lead in leads))

    assert [lead["title"] for lead in leads] == [f"Lead {number}" for number in range(100)]
    assert shown == list(leads)
    assert len({lead["id"] for lead in leads}) == 100


async def test_of_creates_that_share_an_insert_the_one_whose_id_is_taken_fails_alone(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    lead = await relayed_api.lead(lead_title="There before")
    taken = lead["id"] + 7
    document = await database["leads"].find_one({"_id": lead["id"]})
    assert document
    await database["leads"].insert_one(document | {"_id": taken})

    with relay.holding("insert", "leads") as inserts:
        creates = [create_task(create(relayed_api, "Lead 0"))]
        await inserts.came(1)
        creates += [create_task(create(relayed_api, f"Lead {number}")) for number in range(1, 21)]
        await all_wait(relayed_api, database, last_id=lead["id"] + 21)
        inserts.release_all()
        answers = await gather(*creates)

    inserted = [[document["_id"] for document in command["documents"]] for command in inserts.commands]
    assert [ids for ids in inserted if taken in ids and len(ids) > 1], "it was alone"
    assert Counter(answer.status_code for answer in answers) == {201: 20, 503: 1}
    for number, answer in enumerate(answers):
        if answer.status_code == 201:
            made = answer.json()["data"]
            assert made["title"] == f"Lead {number}"
            assert await relayed_api.shown(made["id"]) == made
    assert (await relayed_api.shown(taken))["title"] == "There before"


async def test_readers_who_go_while_their_find_is_under_way_take_nobody_along(relayed_api: Api, relay: Relay) -> None:
    leads = await gather(*(relayed_api.lead(lead_title=f"Lead {number}") for number in range(41)))

    with relay.holding("find", "leads") as finds:
        reads = [create_task(relayed_api.get(f"/api/leads/{leads[0]['id']}"))]
        await finds.came(1)
        reads += [create_task(relayed_api.get(f"/api/leads/{lead['id']}")) for lead in leads[1:]]
        await relayed_api.get("/health/ready")  # takes longer than the others take to come
        finds.release()
        await finds.came(2)
        gone = [create_task(relayed_api.get(f"/api/leads/{lead['id']}")) for lead in leads[::2]]
        await relayed_api.get("/health/ready")
        await cancelled(*reads[2::2], *gone)
    outcomes = await gather(*reads, return_exceptions=True)

    together = finds.commands[1]["filter"]["_id"]["$in"]
    assert leads[2]["id"] in together
    assert leads[3]["id"] in together
    for number, outcome in enumerate(outcomes):
        if number > 0 and number % 2 == 0:
            assert isinstance(outcome, CancelledError)
        else:
            assert isinstance(outcome, Response)
            assert (outcome.status_code, outcome.json()["data"]) == (200, leads[number])


async def test_a_reader_who_goes_alone_leaves_those_behind_it_their_find(relayed_api: Api, relay: Relay) -> None:
    lead, other = await relayed_api.lead(lead_title="One"), await relayed_api.lead(lead_title="Other")

    with relay.holding("find", "leads") as finds:
        first = create_task(relayed_api.shown(lead["id"]))
        await finds.came(1)
        second = create_task(relayed_api.shown(other["id"]))
        await relayed_api.get("/health/ready")
        await cancelled(first)

    assert await second == other


async def test_creators_who_go_while_their_insert_is_under_way_take_nobody_along(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    lead = await relayed_api.lead()

    with relay.holding("insert", "leads") as inserts:
        creates = [create_task(create(relayed_api, "Lead 0"))]
        await inserts.came(1)
        creates += [create_task(create(relayed_api, f"Lead {number}")) for number in range(1, 41)]
        await all_wait(relayed_api, database, last_id=lead["id"] + 41)
        inserts.release()
        await inserts.came(2)
        await cancelled(*creates[2::2])
    outcomes = await gather(*creates, return_exceptions=True)

    together = [document["title"] for document in inserts.commands[1]["documents"]]
    assert {"Lead 1", "Lead 2"} <= set(together)
    kept = {0, *range(1, 41, 2)}
    for number, outcome in enumerate(outcomes):
        if number in kept:
            assert isinstance(outcome, Response)
            assert (outcome.status_code, outcome.json()["data"]["title"]) == (201, f"Lead {number}")
            assert await relayed_api.shown(outcome.json()["data"]["id"]) == outcome.json()["data"]
        else:
            assert isinstance(outcome, CancelledError)
    # What was sent is written, whoever waits for it, and once.
    titles = Counter([lead["title"] async for lead in database["leads"].find({"title": {"$regex": "^Lead "}})])
    assert {f"Lead {number}" for number in kept} | set(together) <= set(titles)
    assert set(titles.values()) == {1}


async def test_what_is_said_of_a_refused_document_does_not_show_it(database: Database) -> None:
    collection = database["things"]
    await collection.insert_one({"_id": 2})

    outcomes = await insert_each(collection, [{"_id": number, "name": "Jane Doe"} for number in range(5)])

    assert "Jane" not in repr(outcomes[2]) + str(getattr(outcomes[2], "details", ""))
    assert isinstance(outcomes[2], Duplicate)


async def test_of_a_batch_of_inserts_a_taken_id_and_a_document_too_large_fail_alone(database: Database) -> None:
    collection = database["things"]
    await collection.insert_one({"_id": 2})

    taken = await insert_each(collection, [{"_id": number} for number in range(5)])
    large = await insert_each(collection, [{"_id": 10}, {"_id": 11, "text": "x" * 17_000_000}, {"_id": 12}])

    assert [isinstance(outcome, Exception) for outcome in taken] == [False, False, True, False, False]
    assert [isinstance(outcome, Exception) for outcome in large] == [False, True, False]
    assert not isinstance(large[1], Failure)
    assert {thing["_id"] async for thing in collection.find()} == {0, 1, 2, 3, 4, 10, 12}
