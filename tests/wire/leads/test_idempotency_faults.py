"""Keyed requests that the database cuts off: the answer is right, all is there once, and a repetition is a replay."""

from asyncio import gather

import httpx
import pytest

from leads_api.mongo.client import Client, Database
from tests.api.endpoints import Endpoint, make_records
from tests.api.http.idempotency import EACH_POST, LEAD, create, recorded, records, replayed
from tests.client import Api, Json
from tests.conftest import Serve
from tests.wire.leads.fail_points import COMMIT, COMMIT_FAULTS, INSERT_FAULTS, UNKNOWN, FailPoint

pytestmark = pytest.mark.own_database

KEYS = "idempotency_keys"


@pytest.fixture
def store_client(faulty_client: Client) -> Client:
    """The databases of these tests are on a server that has fail points."""
    return faulty_client


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
async def test_a_keyed_create_makes_one_lead(api: Api, database: Database, fail_point: FailPoint, fault: Json) -> None:
    await fail_point.arm(**fault)

    answer = await create(api)

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert (answer.status_code, replayed(answer)) == (201, False), answer.text
    again = await create(api)
    assert (recorded(again), replayed(again)) == (recorded(answer), True)
    assert [await api.shown(lead["_id"]) async for lead in database["leads"].find()] == [answer.json()["data"]]


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
async def test_keyed_creates_at_once_make_a_lead_each(
    api: Api, database: Database, fail_point: FailPoint, fault: Json
) -> None:
    async def send(number: int) -> httpx.Response:
        return await create(api, LEAD | {"lead_title": f"Lead {number}"}, key=f"key-{number}")

    await fail_point.arm(**fault)

    answers = await gather(*(send(number) for number in range(12)))

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert [(answer.status_code, replayed(answer)) for answer in answers] == [(201, False)] * 12
    assert [answer.json()["data"]["title"] for answer in answers] == [f"Lead {number}" for number in range(12)]
    again = await gather(*(send(number) for number in range(12)))
    assert [recorded(answer) for answer in again] == [recorded(answer) for answer in answers]
    assert await database["leads"].count_documents({}) == 12


NEW: dict[str, dict[str, int]] = {
    "batch": {"leads": 2}, "clone": {"leads": 1}, "comments": {}, "convert": {"clients": 1, "users": 1},
    "custom-fields": {"custom_fields": 1}, "lead-statuses": {"lead_statuses": 1}, "merge": {"leads": -1},
    "redeliver": {}, "secret": {}, "team": {"users": 1}, "test": {"webhook_deliveries": 1},
}  # fmt: skip
"""How many documents a POST adds to which collection, by the end of its path; usually one to that of its name."""


@EACH_POST
@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_a_keyed_post_is_done_once(
    api: Api, database: Database, fail_point: FailPoint, endpoint: Endpoint, fault: Json
) -> None:
    ids = await make_records(api)
    path, body, headers = endpoint.at(ids), endpoint.sent(ids), {"Idempotency-Key": "key-1"}
    before = await records(database)
    await fail_point.arm(**fault)

    answer = await api.post(path, body, headers=headers)

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert (answer.status_code, replayed(answer)) == (endpoint.status, False), answer.text
    left = await records(database)
    again = await api.post(path, body, headers=headers)
    assert (recorded(again), replayed(again)) == (recorded(answer), True)
    assert await records(database) == left
    made = {name: len(left[name]) - len(before.get(name, [])) for name in left}
    last = path.rpartition("/")[2]
    assert {name: count for name, count in made.items() if count} == NEW.get(last, {last: 1})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"errorCode": 64, "errorLabels": [UNKNOWN]}, id="not_done"),
        pytest.param({"writeConcernError": {"code": 64, "errmsg": "-"}}, id="done"),
        pytest.param({"closeConnection": True}, id="connection_lost"),
    ],
)
@pytest.mark.parametrize("path", ["/api/leads", "/api/leads/{}/convert", "/api/leads/{}/comments"])
async def test_a_commit_that_is_never_confirmed_is_told_and_a_repetition_does_it_once(
    serve: Serve, database: Database, fail_point: FailPoint, data: Json, path: str
) -> None:
    async with serve(request_timeout=1.0) as api:
        lead = await api.lead()
        bodies: dict[str, Json] = {
            "leads": LEAD,
            "convert": {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"},
            "comments": {"comment": "Called."},
        }
        path, body = path.format(lead["id"]), bodies[path.rpartition("/")[2]]
        await fail_point.arm(data={"failCommands": COMMIT, **data}, mode="alwaysOn")

        unconfirmed = await api.post(path, body, headers={"Idempotency-Key": "key-1"})

        await fail_point.disarm()
        assert unconfirmed.status_code == 503, unconfirmed.text
    async with serve() as api:
        answer = await api.post(path, body, headers={"Idempotency-Key": "key-1"})
        assert answer.status_code == 201, answer.text
        again = await api.post(path, body, headers={"Idempotency-Key": "key-1"})
        assert recorded(again) == recorded(answer)
        assert await database["leads"].count_documents({}) == (2 if path == "/api/leads" else 1)
        assert await database["clients"].count_documents({}) == (1 if path.endswith("convert") else 0)
        assert (await api.shown(lead["id"]))["comments_count"] == (1 if path.endswith("comments") else 0)


async def test_a_fault_that_does_not_end_uses_no_key_up(
    serve: Serve, database: Database, fail_point: FailPoint
) -> None:
    async with serve(request_timeout=1.0) as api:
        await fail_point.arm(
            data={"failCommands": ["insert"], "errorCode": 91, "closeConnection": True}, mode="alwaysOn"
        )

        refused = await create(api)

        await fail_point.disarm()
        assert refused.status_code == 503
        assert await database["leads"].count_documents({}) == 0
    async with serve() as api:
        assert (await create(api)).status_code == 201
