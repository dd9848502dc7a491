"""PUT /api/checklists/positions with as many items as a lead can have: what it sends to the database."""

from leads_api.checklists.store import MAX_ITEMS
from leads_api.mongo.client import Database
from tests.client import Api
from tests.simulators.relay import Relay


async def test_ordering_all_items_of_a_lead_is_one_update(relayed_api: Api, relay: Relay, database: Database) -> None:
    lead = (await relayed_api.lead())["id"]
    ids = list(range(1, MAX_ITEMS + 1))
    await database["checklists"].insert_many([{"_id": item, "lead": lead, "position": item} for item in ids])

    with relay.watching("update", "checklists") as updates:
        answer = await relayed_api.put("/api/checklists/positions", {"checklist_ids": ids[::-1]})

    assert answer.status_code == 200, answer.text
    assert len(updates.commands) == 1
    assert len(updates.commands[0]["updates"]) == MAX_ITEMS
    items = [item async for item in database["checklists"].find().sort([("position", 1)])]
    assert [item["_id"] for item in items] == ids[::-1]
    assert [item["position"] for item in items] == ids


async def test_items_in_their_places_are_not_written(relayed_api: Api, relay: Relay) -> None:
    lead = (await relayed_api.lead())["id"]
    ids = [(await relayed_api.item(lead))["id"] for _ in range(3)]

    with relay.watching("update", "checklists") as updates:
        answer = await relayed_api.put("/api/checklists/positions", {"checklist_ids": ids})

    assert answer.status_code == 200
    assert updates.commands == []
