"""Reads and creates that travel together, on a real server (app/mongo/batching.py)."""

import asyncio
from asyncio import gather
from collections import Counter

from app.errors import Failure
from app.mongo.batching import insert_each
from app.mongo.client import Database
from app.mongo.faults import Duplicate
from tests.client import Api


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


async def test_a_refused_create_among_many_fails_alone(api: Api) -> None:
    bodies = [{"lead_title": f"Lead {n}", "lead_status": 99 if n == 7 else 1, "lead_categoryid": 3} for n in range(20)]

    answers = await gather(*(api.post("/api/leads", body) for body in bodies))

    assert Counter(answer.status_code for answer in answers) == {201: 19, 422: 1}
    assert answers[7].status_code == 422


async def test_a_read_after_an_acknowledged_write_sees_it_while_others_read_the_same_lead(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    ended = asyncio.Event()

    async def read_on() -> None:
        while not ended.is_set():
            await api.get(path)

    readers = [asyncio.create_task(read_on()) for _ in range(20)]
    try:
        for number in range(40):
            written = await api.patch(path, {"lead_title": f"Lead {number}"})
            read = await api.get(path)
            assert read.json()["data"]["version"] >= written.json()["data"]["version"]
            assert read.json()["data"]["title"] == f"Lead {number}"
    finally:
        ended.set()
        await gather(*readers)


async def test_a_caller_who_goes_does_not_take_others_along(api: Api) -> None:
    lead = await api.lead()
    reads = [asyncio.create_task(api.get(f"/api/leads/{lead['id']}")) for _ in range(40)]
    creates = [asyncio.create_task(api.lead(lead_title=f"Lead {number}")) for number in range(40)]
    await asyncio.sleep(0)

    for task in (*reads[::2], *creates[::2]):
        task.cancel()
    outcomes = await gather(*reads, *creates, return_exceptions=True)

    kept = [outcome for index, outcome in enumerate(outcomes) if index % 2]
    assert not [outcome for outcome in kept if isinstance(outcome, BaseException)]


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
