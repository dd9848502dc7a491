"""Idempotency keys between requests at the same time, processes and transactions, on a real server."""

from asyncio import create_task, gather
from collections import Counter
from typing import Any

import httpx
import pytest

from leads_api.mongo.client import Client, Database
from tests.api.endpoints import Endpoint, make_records
from tests.api.http.idempotency import EACH_POST, LEAD, create, recorded, records, replayed
from tests.client import Api, Json, errors
from tests.conftest import Serve
from tests.simulators.relay import Relay
from tests.wire.process import until

KEYS = "idempotency_keys"


async def settled(answer: httpx.Response, again: Any) -> httpx.Response:
    """Return an answer that is not "still running": repeat the request until then, as a caller does."""
    found = answer

    async def done() -> bool:
        nonlocal found
        if found.status_code == 409:
            assert int(found.headers["Retry-After"]) >= 1
            found = await again()
        return found.status_code != 409

    await until(done, "the request is not running any more")
    return found


async def test_while_the_first_request_runs_the_same_key_is_refused(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    with relay.holding("insert", KEYS) as inserts:
        first = create_task(create(relayed_api))
        await inserts.came(1)
        same = await create(relayed_api)
        other = await create(relayed_api, LEAD | {"lead_title": "Other"})
        faulty = await create(relayed_api, {"lead_title": "Acme"})
        another_key = create_task(create(relayed_api, key="key-2"))
        inserts.release_all()
        made = await first

    for answer in (same, other):
        assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
        assert answer.json() == {
            "message": "A request with this idempotency key is still in progress. Please try again."
        }
    assert errors(faulty).keys() == {"lead_status", "lead_categoryid"}
    assert (await another_key).status_code == made.status_code == 201
    assert recorded(await create(relayed_api)) == recorded(made)
    assert errors(await create(relayed_api, LEAD | {"lead_title": "Other"})).keys() == {"idempotency_key"}
    assert await database["leads"].count_documents({}) == 3  # one is of the fixture


async def test_while_another_process_runs_the_first_request_nothing_is_written(
    relayed_api: Api, relay: Relay, second: Api, database: Database
) -> None:
    with relay.holding("insert", KEYS) as inserts:
        first = create_task(create(relayed_api))
        await inserts.came(1)
        meanwhile = await create(second)
        inserts.release_all()
        made = await first

    assert (meanwhile.status_code, meanwhile.headers["Retry-After"]) == (409, "1")
    assert made.status_code == 201
    assert recorded(await create(second)) == recorded(made)
    assert await database["leads"].count_documents({}) == 2


@pytest.mark.parametrize("path", ["convert", "clone", "comments", "merge"])
async def test_what_another_process_has_just_answered_is_replayed(
    relayed_api: Api, relay: Relay, second: Api, database: Database, path: str
) -> None:
    lead = await second.lead()
    bodies: dict[str, Json] = {
        "convert": {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"},
        "clone": {"lead_title": "Two", "lead_status": 1},
        "comments": {"comment": "Called."},
        "merge": {"lead_ids": [(await second.lead())["id"]]},  # is gone when it is looked for again
    }

    async def send(api: Api) -> httpx.Response:
        return await api.post(f"/api/leads/{lead['id']}/{path}", bodies[path], headers={"Idempotency-Key": "key-1"})

    with relay.holding("find", KEYS) as looks:
        late = create_task(send(relayed_api))
        await looks.came(1)  # it has seen that the key is new
        first = await send(second)
        left = await records(database)
        looks.release_all()
        answer = await late

    assert first.is_success, first.text
    assert recorded(answer) == recorded(first)
    assert replayed(answer)
    assert await records(database) == left


async def test_of_thirty_requests_to_two_processes_one_makes_a_lead(api: Api, second: Api, database: Database) -> None:
    async def send(one: Api) -> httpx.Response:
        return await settled(await create(one), lambda: create(one))

    answers = await gather(*(send(one) for one in [api, second] * 15))

    assert {answer.status_code for answer in answers} == {201}
    assert Counter(replayed(answer) for answer in answers) == {False: 1, True: 29}
    assert all(recorded(answer) == recorded(answers[0]) for answer in answers)
    assert await database["leads"].count_documents({}) == 1
    assert await database[KEYS].count_documents({}) == 1


@EACH_POST
async def test_the_key_is_recorded_in_the_transaction_of_the_write(
    relayed_api: Api, relay: Relay, wire_client: Client, database: Database, endpoint: Endpoint
) -> None:
    ids = await make_records(relayed_api)
    path, body = endpoint.at(ids), endpoint.sent(ids)
    left = await records(database)

    with relay.holding("find", KEYS) as looks:
        post = create_task(relayed_api.post(path, body, headers={"Idempotency-Key": "key-1"}))
        await looks.came(1)
        # Another process answers another request with the same key meanwhile. So the record cannot be inserted.
        record = {"_id": "0:key-1", "fingerprint": b"other", "size": 0}
        await wire_client[database.name][KEYS].insert_one(record)
        looks.release_all()
        answer = await post

    assert errors(answer).keys() == {"idempotency_key"}
    assert await records(database) == left


async def test_of_keyed_creates_that_share_a_transaction_the_refused_one_fails_alone(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    lead = await relayed_api.lead(lead_title="There before")
    taken, used = lead["id"] + 7, "key-13"
    document = await database["leads"].find_one({"_id": lead["id"]})
    assert document
    await database["leads"].insert_one(document | {"_id": taken})

    async def send(number: int) -> httpx.Response:
        return await create(relayed_api, LEAD | {"lead_title": f"Lead {number}"}, key=f"key-{number}")

    with relay.holding("insert", "leads") as inserts:
        creates = [create_task(send(0))]
        await inserts.came(1)
        creates += [create_task(send(number)) for number in range(1, 21)]

        async def all_wait() -> bool:
            counter = await database["counters"].find_one({"_id": "leads"})
            return counter is not None and counter["last"] >= lead["id"] + 21

        await until(all_wait, "everyone has an id")
        await relayed_api.get("/health/ready")
        await database[KEYS].insert_one({"_id": f"0:{used}", "fingerprint": b"other", "size": 0})
        inserts.release_all()
        answers = await gather(*creates)

    together = [command for command in inserts.commands if len(command["documents"]) > 10]
    assert together, "none have shared a transaction"
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {201: 19, 503: 1, 422: 1}
    assert errors(answers[13]).keys() == {"idempotency_key"}
    for number, answer in enumerate(answers):
        if answer.status_code == 201:
            made = answer.json()["data"]
            assert made["title"] == f"Lead {number}"
            assert await relayed_api.shown(made["id"]) == made
            assert recorded(await send(number)) == recorded(answer)
    assert await database[KEYS].count_documents({}) == 20
    assert await database["leads"].count_documents({}) == 19 + 3  # one is of the fixture
    refused = next(number for number, answer in enumerate(answers) if answer.status_code == 503)
    assert (await send(refused)).status_code == 201  # it has not used its key up


async def test_keyed_creates_at_once_are_few_calls(relayed_api: Api, relay: Relay) -> None:
    with relay.holding("insert", "leads") as inserts, relay.watching("commitTransaction", 1) as commits:
        creates = [create_task(create(relayed_api, key="key-0"))]
        await inserts.came(1)
        with relay.watching("find", KEYS) as looks:
            creates += [create_task(create(relayed_api, key=f"key-{number}")) for number in range(1, 31)]
            await looks.came(1)
            await relayed_api.get("/health/ready")
            inserts.release_all()
            answers = await gather(*creates)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 31
    assert len(commits.commands) < 10


async def test_a_caller_who_goes_leaves_nothing_open(relayed_api: Api, relay: Relay, second: Api) -> None:
    lead = await second.lead()
    path, headers = f"/api/leads/{lead['id']}/comments", {"Idempotency-Key": "key-1"}

    with relay.holding("update", "leads") as updates:
        post = create_task(relayed_api.post(path, {"comment": "Called."}, headers=headers))
        await updates.came(1)
        post.cancel()
        await gather(post, return_exceptions=True)

    async def free() -> bool:
        answer = await second.post(path, {"comment": "Called."}, headers=headers)
        return answer.status_code == 201

    await until(free, "the lead can be changed", seconds=20)
    assert (await second.get(path)).json()["data"][0]["text"] == "Called."
    assert len((await second.get(path)).json()["data"]) == 1


async def test_an_answer_that_does_not_fit_into_a_record_is_refused_and_nothing_is_written(
    serve: Serve, database: Database
) -> None:
    """Written as JSON, each quotation mark takes two bytes. So the answer is too large, and the lead is not."""
    async with serve(max_body_bytes=32 * 1024 * 1024) as api:
        names = [f"text_{number}" for number in range(130)]
        for name in names:
            await api.custom_field(name, "paragraph")
        body = LEAD | dict.fromkeys(names, '"' * 65_000)

        refused = await create(api, body)

        assert errors(refused) == {"body": ["The record would be larger than the database can keep."]}
        assert await database["leads"].count_documents({}) == 0
        assert (await create(api)).status_code == 201
        assert (await api.post("/api/leads", body)).status_code == 201


async def test_only_answers_that_no_election_can_roll_back_are_replayed(relayed_api: Api, relay: Relay) -> None:
    with relay.watching("find", KEYS) as looks:
        await create(relayed_api)
        assert replayed(await create(relayed_api))

    assert [command["readConcern"]["level"] for command in looks.commands] == ["majority"] * 3
