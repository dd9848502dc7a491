"""Transactions about external ids, and batches, that the server cuts off: each write is done once, and wholly."""

import pytest

from leads_api.mongo.client import Client, Database
from tests.client import Api, Json
from tests.wire.leads.fail_points import COMMIT_FAULTS, INSERT_FAULTS, FailPoint
from tests.wire.leads.test_external_id_races import BODY, leads_of


@pytest.fixture
def store_client(faulty_client: Client) -> Client:
    """The databases of these tests are on a server that has fail points."""
    return faulty_client


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_lead_is_created_once(
    api: Api, database: Database, fail_point: FailPoint, fault: Json, method: str
) -> None:
    path = "/api/leads" if method == "POST" else "/api/leads/by-external-id/crm-7"
    await fail_point.arm(**fault)

    answer = await api.call(method, path, BODY | {"lead_external_id": "crm-7"})

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 201, answer.text
    lead = answer.json()["data"]
    assert await api.shown(lead["id"]) == lead
    assert await leads_of(database) == {"crm-7": lead["id"]}
    assert await database["leads"].count_documents({}) == 1


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
@pytest.mark.parametrize("external_id", ["new", None])
async def test_an_external_id_is_changed_once(
    api: Api, database: Database, fail_point: FailPoint, fault: Json, external_id: str | None
) -> None:
    lead = await api.lead(lead_external_id="old")
    await fail_point.arm(**fault)

    answer = await api.patch(
        f"/api/leads/{lead['id']}", {"lead_external_id": external_id}, headers={"If-Match": '"v1.1"'}
    )

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 200, answer.text
    assert (answer.json()["data"]["external_id"], answer.json()["data"]["version"]) == (external_id, 2)
    assert await leads_of(database) == ({external_id: lead["id"]} if external_id else {})


@pytest.mark.parametrize("fault", [*COMMIT_FAULTS, *INSERT_FAULTS])
async def test_a_batch_is_written_once(api: Api, database: Database, fail_point: FailPoint, fault: Json) -> None:
    lead = await api.lead(lead_external_id="there")
    leads = [BODY, BODY | {"lead_external_id": "new"}, {"lead_external_id": "there", "lead_title": "B"}, 7]
    await fail_point.arm(**fault)

    answer = await api.post("/api/leads/batch", {"leads": leads, "on_existing": "update"})

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert answer.status_code == 200, answer.text
    results = answer.json()["data"]
    assert [result["status"] for result in results] == [201, 201, 200, 422]
    assert results[2] == {"status": 200, "id": lead["id"], "version": 2}
    assert await leads_of(database) == {"there": lead["id"], "new": results[1]["id"]}
    assert await database["leads"].count_documents({}) == 3
    assert (await api.shown(lead["id"]))["version"] == 2


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_a_batch_of_changes_is_made_once(
    api: Api, database: Database, fail_point: FailPoint, fault: Json
) -> None:
    leads = [await api.lead(lead_external_id=f"crm-{n}") for n in range(3)]
    await fail_point.arm(**fault)

    sent = [{"lead_external_id": f"crm-{n}", "lead_phone": str(n)} for n in (0, 1, 2, 0)]
    answer = await api.post("/api/leads/batch", {"leads": sent, "on_existing": "update"})

    assert fail_point.struck >= 1
    await fail_point.disarm()
    assert [result["version"] for result in answer.json()["data"]] == [2, 2, 2, 3]
    assert [(await api.shown(lead["id"]))["version"] for lead in leads] == [3, 2, 2]
