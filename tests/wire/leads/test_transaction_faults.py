"""Transactions that the server cuts off: the answer is right, and all is there once (contract, "Convert", "Clone")."""

import asyncio

import pytest

from leads_api.mongo.client import Client, Database
from tests.client import Api, Json
from tests.conftest import Serve
from tests.wire.leads.fail_points import COMMIT, COMMIT_FAULTS, CONFLICT, INSERT_FAULTS, UNKNOWN, FailPoint

pytestmark = pytest.mark.own_database

WISH = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "send_welcome_email": "yes"}


@pytest.fixture
def store_client(faulty_client: Client) -> Client:
    """The databases of these tests are on a server that has fail points."""
    return faulty_client


@pytest.fixture
def always_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let writes at once share a transaction, however few they are."""
    monkeypatch.setattr("leads_api.mongo.sharing.FEW", 0)


async def _counts(database: Database) -> dict[str, int]:
    counts = {name: await database[name].count_documents({}) for name in ("leads", "checklists", "clients", "mails")}
    return counts | {"owners": await database["users"].count_documents({"type": "client"})}


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
@pytest.mark.parametrize("delete_lead", ["no", "yes"])
async def test_a_conversion_makes_one_client(
    api: Api, database: Database, fail_point: FailPoint, fault: Json, delete_lead: str
) -> None:
    lead = await api.lead()
    await api.item(lead["id"])
    await fail_point.arm(**fault)

    answer = await api.post(f"/api/leads/{lead['id']}/convert", WISH | {"delete_lead": delete_lead})

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 201, answer.text
    left = 1 if delete_lead == "no" else 0
    assert await _counts(database) == {"leads": left, "checklists": left, "clients": 1, "owners": 1, "mails": 1}
    client = answer.json()["data"]
    assert (await api.get(f"/api/clients/{client['id']}")).json()["data"] == client
    if left:
        after = await api.shown(lead["id"])
        assert (after["converted"]["client_id"], after["version"]) == (client["id"], 2)


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
async def test_a_clone_is_made_once_with_its_checklist(
    api: Api, database: Database, fail_point: FailPoint, fault: Json
) -> None:
    lead = await api.lead()
    for text in ("Call", "Write"):
        await api.item(lead["id"], text)
    await fail_point.arm(**fault)

    answer = await api.post(
        f"/api/leads/{lead['id']}/clone", {"lead_title": "Two", "lead_status": 1, "copy_checklist": "on"}
    )

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 201, answer.text
    clone = answer.json()["data"]
    assert await api.shown(clone["id"]) == clone
    assert (await _counts(database))["leads"] == 2
    copies = [item["text"] async for item in database["checklists"].find({"lead": clone["id"]})]
    assert sorted(copies) == ["Call", "Write"]


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_leads_are_merged_once(api: Api, database: Database, fail_point: FailPoint, fault: Json) -> None:
    lead, other = await api.lead(), await api.lead(lead_phone="1", lead_external_id="a")
    for each in (lead, other):
        await api.item(each["id"])
        await api.comment(each["id"])
    await fail_point.arm(**fault)

    answer = await api.post(f"/api/leads/{lead['id']}/merge", {"lead_ids": [other["id"]]})

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 200, answer.text
    merged = await api.shown(lead["id"])
    assert merged == answer.json()["data"]
    assert (merged["contact"]["phone"], merged["comments_count"], merged["version"]) == ("1", 2, 3)
    assert await _counts(database) == {"leads": 1, "checklists": 2, "clients": 0, "owners": 0, "mails": 0}
    assert [item["lead"] async for item in database["checklists"].find()] == [lead["id"]] * 2
    assert [claim["lead_id"] async for claim in database["external_ids"].find()] == [lead["id"]]


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_a_lead_is_deleted_with_all_that_belongs_to_it(
    api: Api, database: Database, fail_point: FailPoint, fault: Json
) -> None:
    lead, other = await api.lead(), await api.lead()
    await api.item(lead["id"])
    await api.item(other["id"])
    await fail_point.arm(**fault)

    answer = await api.delete(f"/api/leads/{lead['id']}")

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert (answer.status_code, answer.json()["data"]) == (200, {"id": lead["id"]})
    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 404
    assert [left["lead"] async for left in database["checklists"].find()] == [other["id"]]


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
async def test_a_checklist_item_is_made_once(api: Api, database: Database, fail_point: FailPoint, fault: Json) -> None:
    lead = await api.lead()
    await fail_point.arm(**fault)

    item = await api.item(lead["id"])

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert item["position"] == 1
    assert [one["_id"] async for one in database["checklists"].find()] == [item["id"]]


async def test_a_fault_that_does_not_end_is_told_and_leaves_nothing_behind(
    serve: Serve, database: Database, fail_point: FailPoint
) -> None:
    async with serve(request_timeout=1.0) as api:
        lead = await api.lead()
        await fail_point.arm(data={"failCommands": ["insert"], **CONFLICT}, mode="alwaysOn")

        answer = await api.post(f"/api/leads/{lead['id']}/convert", WISH)

        await fail_point.disarm()
        assert answer.status_code == 503
        assert set(answer.json()) == {"message"}
        assert fail_point.struck > 3
        assert await api.shown(lead["id"]) == lead
        assert await _counts(database) == {"leads": 1, "checklists": 0, "clients": 0, "owners": 0, "mails": 0}
        # Nothing is locked: the same can be done at once.
        assert (await api.post(f"/api/leads/{lead['id']}/convert", WISH)).status_code == 201


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"errorCode": 64, "errorLabels": [UNKNOWN]}, id="not_done"),
        pytest.param({"writeConcernError": {"code": 64, "errmsg": "-"}}, id="done"),
        pytest.param({"closeConnection": True}, id="connection_lost"),
        pytest.param({"errorCode": 11601}, id="interrupted"),
    ],
)
async def test_a_commit_that_is_never_confirmed_is_told_and_locks_nothing(
    serve: Serve, database: Database, fail_point: FailPoint, data: Json
) -> None:
    async with serve(request_timeout=1.0) as api:
        lead = await api.lead()
        await fail_point.arm(data={"failCommands": COMMIT, **data}, mode="alwaysOn")

        unconfirmed = await api.post(f"/api/leads/{lead['id']}/convert", WISH)

        await fail_point.disarm()
        assert unconfirmed.status_code == 503
        # Whether it was done is not known, but all of it was, or nothing; and the lead can be worked on at once.
        done = (await api.shown(lead["id"]))["converted"]["is_converted"]
        counts = await _counts(database)
        assert (counts["clients"], counts["owners"], counts["mails"]) == ((1, 1, 1) if done else (0, 0, 0))
        assert (await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["hot"]})).status_code == 200
        again = await api.post(f"/api/leads/{lead['id']}/convert", WISH)
        assert again.status_code == (409 if done else 201)
        assert (await _counts(database))["clients"] == 1


async def test_conversions_at_the_same_moment_make_one_client_under_faults(
    api: Api, database: Database, fail_point: FailPoint
) -> None:
    lead = await api.lead()
    await fail_point.arm(data={"failCommands": COMMIT, "errorCode": 64, "errorLabels": [UNKNOWN]}, mode={"times": 5})

    answers = await asyncio.gather(
        *(api.post(f"/api/leads/{lead['id']}/convert", WISH | {"email": f"{n}@acme.example"}) for n in range(10))
    )

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert await _counts(database) == {"leads": 1, "checklists": 0, "clients": 1, "owners": 1, "mails": 1}


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_changes_that_share_a_transaction_are_made_once(
    api: Api, database: Database, fail_point: FailPoint, fault: Json, always_shared: None
) -> None:
    leads = [await api.lead() for _ in range(8)]
    await fail_point.arm(**fault)

    answers = await asyncio.gather(
        *(api.put(f"/api/leads/{lead['id']}/status", {"status": 5}) for lead in leads[:6]),
        *(api.post(f"/api/leads/{lead['id']}/comments", {"comment": "Called."}) for lead in leads[6:]),
    )

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert [answer.status_code for answer in answers] == [200] * 6 + [201] * 2
    after = [await api.shown(lead["id"]) for lead in leads]
    assert [lead["version"] for lead in after] == [2] * 8
    assert [answer.json()["data"] for answer in answers[:6]] == after[:6]
    assert [lead["comments_count"] for lead in after[6:]] == [1, 1]


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_conversions_that_share_a_transaction_are_made_once(
    api: Api, database: Database, fail_point: FailPoint, fault: Json, always_shared: None
) -> None:
    leads = [await api.lead() for _ in range(8)]
    await fail_point.arm(**fault)

    answers = await asyncio.gather(
        *(
            api.post(f"/api/leads/{lead['id']}/convert", WISH | {"email": f"{lead['id']}@acme.example"})
            for lead in leads
        )
    )

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert [answer.status_code for answer in answers] == [201] * 8
    assert await _counts(database) == {"leads": 8, "checklists": 0, "clients": 8, "owners": 8, "mails": 8}
    for lead, answer in zip(leads, answers, strict=True):
        client = answer.json()["data"]
        assert (await api.get(f"/api/clients/{client['id']}")).json()["data"] == client
        after = await api.shown(lead["id"])
        assert (after["converted"]["client_id"], after["version"]) == (client["id"], 2)


async def test_changes_whose_transaction_the_server_refuses_are_made_one_by_one(
    api: Api, database: Database, fail_point: FailPoint, always_shared: None
) -> None:
    leads = [await api.lead() for _ in range(8)]
    # The first goes alone, by another command.
    await fail_point.arm(mode={"times": 1}, data={"failCommands": ["update"], "errorCode": 2})

    answers = await asyncio.gather(*(api.put(f"/api/leads/{lead['id']}/status", {"status": 5}) for lead in leads))

    assert fail_point.struck >= 1
    assert [answer.status_code for answer in answers] == [200] * 8
    assert [answer.json()["data"]["version"] for answer in answers] == [2] * 8
