"""DELETE /api/leads/{id} (contract, "Delete"). Files: tests/wire/files; races: tests/wire/leads."""

from leads_api.mongo.client import Database
from tests.client import Api


async def test_a_lead_is_deleted_for_good(api: Api, database: Database) -> None:
    lead, other = await api.lead(), await api.lead()

    answer = await api.delete(f"/api/leads/{lead['id']}")

    assert answer.status_code == 200
    assert answer.json() == {"data": {"id": lead["id"]}, "message": "Lead deleted successfully."}
    assert (await api.get(f"/api/leads/{lead['id']}")).json() == {"message": "Lead not found."}
    assert [one["id"] for one in (await api.get("/api/leads")).json()["data"]] == [other["id"]]
    assert await database["leads"].count_documents({}) == 1


async def test_a_lead_that_is_not_there_cannot_be_deleted(api: Api) -> None:
    lead = await api.lead()
    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 200

    again, never = await api.delete(f"/api/leads/{lead['id']}"), await api.delete("/api/leads/99")

    assert (again.status_code, again.json()) == (404, {"message": "Lead not found."})
    assert (never.status_code, never.json()) == (404, {"message": "Lead not found."})


async def test_comments_and_checklist_items_go_with_their_lead_and_no_others(api: Api, database: Database) -> None:
    lead, other = await api.lead(), await api.lead()
    comment, kept_comment = await api.comment(lead["id"]), await api.comment(other["id"])
    item, kept_item = await api.item(lead["id"]), await api.item(other["id"])

    await api.delete(f"/api/leads/{lead['id']}")

    assert (await api.delete(f"/api/leads/{lead['id']}/comments/{comment['id']}")).json() == {
        "message": "Lead not found."
    }
    assert (await api.get(f"/api/checklists/{item['id']}")).status_code == 404
    assert [left["_id"] async for left in database["checklists"].find()] == [kept_item["id"]]
    assert (await api.get(f"/api/leads/{other['id']}/comments")).json()["data"] == [kept_comment]


async def test_the_client_made_from_it_stays(api: Api) -> None:
    lead = await api.lead()
    client = await api.client(lead["id"])

    answer = await api.delete(f"/api/leads/{lead['id']}")

    assert answer.status_code == 200
    assert (await api.get(f"/api/clients/{client['id']}")).json()["data"] == client


async def test_an_archived_lead_can_be_deleted(api: Api) -> None:
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/archive")

    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 200


async def test_the_id_of_a_deleted_lead_is_not_given_again(api: Api) -> None:
    lead = await api.lead()
    await api.delete(f"/api/leads/{lead['id']}")

    assert (await api.lead())["id"] > lead["id"]


async def test_a_status_and_a_category_are_free_again_when_their_last_lead_is_gone(api: Api) -> None:
    status, category = await api.status(), await api.category()
    lead = await api.lead(lead_status=status["id"], lead_categoryid=category["id"])
    assert (await api.delete(f"/api/lead-statuses/{status['id']}")).status_code == 409

    await api.delete(f"/api/leads/{lead['id']}")

    assert (await api.delete(f"/api/lead-statuses/{status['id']}")).status_code == 200
    assert (await api.delete(f"/api/categories/{category['id']}")).status_code == 200
