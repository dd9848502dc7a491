"""A checklist under callers at the same moment (contract, section 4, "Checklists")."""

import asyncio

from leads_api.mongo.client import Database
from tests.client import Api, errors

ITEMS = "/api/checklists"


async def test_items_made_at_the_same_moment_all_get_places_of_their_own(api: Api, second: Api) -> None:
    lead = (await api.lead())["id"]

    made = await asyncio.gather(*((api, second)[number % 2].item(lead, str(number)) for number in range(10)))

    assert sorted(item["position"] for item in made) == list(range(1, 11))


async def test_orders_at_the_same_moment_leave_one_of_them(api: Api, second: Api) -> None:
    lead = (await api.lead())["id"]
    ids = [(await api.item(lead))["id"] for _ in range(4)]
    orders = [ids[turn:] + ids[:turn] for turn in range(4)]

    answers = await asyncio.gather(
        *(
            (api, second)[turn % 2].put(f"{ITEMS}/positions", {"checklist_ids": order})
            for turn, order in enumerate(orders)
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    listed = (await api.get(ITEMS, resource_type="lead", resource_id=lead)).json()["data"]
    assert [item["id"] for item in listed] in orders
    assert [item["position"] for item in listed] == [1, 2, 3, 4]


async def test_a_lead_that_is_deleted_meanwhile_leaves_no_items(api: Api, second: Api, database: Database) -> None:
    for _ in range(5):
        lead = (await api.lead())["id"]
        body = {"checklistresource_type": "lead", "checklistresource_id": lead, "checklist_text": "Call"}

        deleted, *answers = await asyncio.gather(
            api.delete(f"/api/leads/{lead}"), *(second.post(ITEMS, body) for _ in range(4))
        )

        assert deleted.status_code == 200
        for answer in answers:
            if answer.status_code != 201:
                assert errors(answer).keys() == {"checklistresource_id"}
        assert await database["checklists"].count_documents({"lead": lead}) == 0
