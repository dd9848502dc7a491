"""On a sharded cluster, each change of one lead goes to one shard: it names the `_id` (docs/operations.md)."""

from contextlib import ExitStack
from typing import Any

from tests.client import Api
from tests.simulators.relay import Command, Relay

PARTS = {"update": "updates", "delete": "deletes"}


async def test_every_change_of_one_lead_names_its_id(relayed_api: Api, relay: Relay) -> None:
    with ExitStack() as block:
        seen = [block.enter_context(relay.watching(name, "leads")) for name in ("update", "delete", "findAndModify")]
        await every_change(relayed_api)

    single = [part for watched in seen for command in watched.commands for part in changes_of_one(command)]
    assert len(single) > 10
    assert [part for part in single if not isinstance(part.get("_id"), int)] == []


async def every_change(api: Api) -> None:
    path = f"/api/leads/{(await api.lead())['id']}"
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
    comment = await api.comment(int(path.rpartition("/")[2]))
    item = await api.item(int(path.rpartition("/")[2]))
    answers = [
        await api.put(path, body),
        await api.patch(path, {"lead_title": "Acme"}),
        await api.put(f"{path}/status", {"status": 3}),
        await api.put(f"{path}/assigned", {"assigned": [1]}),
        await api.put(f"{path}/tags", {"tags": ["priority"]}),
        await api.put(f"{path}/archive"),
        await api.put(f"{path}/activate"),
        await api.post(f"{path}/clone", {"lead_title": "The clone", "lead_status": 5}),
        await api.post(f"{path}/merge", {"lead_ids": [(await api.lead())["id"]]}),
        await api.delete(f"{path}/comments/{comment['id']}"),
        await api.delete(f"/api/checklists/{item['id']}"),
        await api.post(f"{path}/convert", {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}),
        await api.delete(path),
    ]
    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]


def changes_of_one(command: Command) -> list[dict[str, Any]]:
    """Return the filters of a command's parts that change one document."""
    name = next(iter(command))
    if name == "findAndModify":
        return [command["query"]]
    parts = command[PARTS[name]]
    return [part["q"] for part in parts if not part.get("multi") and part.get("limit") != 0]
