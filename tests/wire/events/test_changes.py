"""One event for every change that committed, whatever it is (contract, section 5, "Events")."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from leads_api.mongo.client import Database, start_session
from leads_api.mongo.transaction_runs import begin
from tests.client import Api
from tests.wire.events.feed import followed, last_id, told
from tests.wire.process import until

Change = Callable[[Api, int], Awaitable[Any]]

WHOLE = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}

CHANGES: dict[str, tuple[Change, tuple[str, list[str]]]] = {
    "patch": (
        lambda api, lead: api.patch(f"/api/leads/{lead}", {"lead_phone": "1", "lead_zip": "2", "lead_value": 3}),
        ("lead.updated", ["value", "contact.phone", "address.zip"]),
    ),
    "patch of a custom field": (
        lambda api, lead: api.patch(f"/api/leads/{lead}", {"colour": "blue"}),
        ("lead.updated", ["custom_fields.colour"]),
    ),
    "put": (
        lambda api, lead: api.put(f"/api/leads/{lead}", WHOLE | {"lead_title": "Acme Inc", "lead_source": "Web"}),
        ("lead.updated", ["title", "source"]),
    ),
    "patch of what it is": (
        lambda api, lead: api.patch(f"/api/leads/{lead}", {"lead_title": "Acme"}),
        ("lead.updated", []),
    ),
    "status": (
        lambda api, lead: api.put(f"/api/leads/{lead}/status", {"status": 3}),
        ("lead.status_changed", ["status"]),
    ),
    "assigned": (
        lambda api, lead: api.put(f"/api/leads/{lead}/assigned", {"assigned": [1]}),
        ("lead.assigned", ["assigned"]),
    ),
    "tags": (lambda api, lead: api.put(f"/api/leads/{lead}/tags", {"tags": ["a", "b"]}), ("lead.tagged", ["tags"])),
    "archive": (lambda api, lead: api.put(f"/api/leads/{lead}/archive"), ("lead.archived", ["active_state"])),
    "activate": (lambda api, lead: api.put(f"/api/leads/{lead}/activate"), ("lead.activated", [])),
    "convert": (lambda api, lead: api.client(lead), ("lead.converted", ["status", "converted"])),
    "comment": (lambda api, lead: api.comment(lead), ("lead.comment_added", ["comments_count"])),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_one_event_that_names_what_it_changed(name: str, api: Api) -> None:
    change, (kind, changed) = CHANGES[name]
    await api.custom_field("colour")
    lead = await api.lead()

    await change(api, lead["id"])

    created, event = await followed(api, 2)
    assert told(created) == ("lead.created", 1, [])
    assert told(event) == (kind, 2, changed)
    assert event["data"]["lead"] == await api.shown(lead["id"])


async def test_an_event_has_the_shape_of_the_contract(api: Api) -> None:
    lead = await api.lead()
    answer = await api.put(f"/api/leads/{lead['id']}/status", {"status": 3}, headers={"X-Request-ID": "mine-1"})

    _, event = await followed(api, 2)

    assert event == {
        "id": 2,
        "type": "lead.status_changed",
        "timestamp": event["timestamp"],
        "data": {
            "lead_id": lead["id"],
            "version": 2,
            "changed": ["status"],
            "actor": {"id": 1, "name": "Admin"},
            "request_id": "mine-1",
            "lead": answer.json()["data"],
        },
    }
    assert lead["dates"]["created"][:10] <= event["timestamp"][:10]


async def test_events_have_the_actor_by_the_present_name(api: Api) -> None:
    await api.lead()
    await followed(api, 1)

    await api.patch("/api/team/1", {"first_name": "Ada", "last_name": "King"})

    (event,) = await followed(api, 1)
    assert event["data"]["actor"] == {"id": 1, "name": "Ada King"}


async def test_two_changes_by_one_request_id_are_told_apart(api: Api) -> None:
    lead = await api.lead()
    for status in (3, 5, 5):
        await api.put(f"/api/leads/{lead['id']}/status", {"status": status}, headers={"X-Request-ID": "again"})

    events = await followed(api, 4)

    assert [told(event) for event in events[1:]] == [
        ("lead.status_changed", 2, ["status"]),
        ("lead.status_changed", 3, ["status"]),
        ("lead.status_changed", 4, []),
    ]
    assert {event["data"]["request_id"] for event in events[1:]} == {"again"}


async def test_a_deleted_comment_is_an_event(api: Api) -> None:
    lead = await api.lead()
    comments = [(await api.comment(lead["id"]))["id"] for _ in range(3)]
    await api.delete(f"/api/leads/{lead['id']}/comments/{comments[1]}")

    events = await followed(api, 5)

    assert told(events[-1]) == ("lead.comment_deleted", 5, ["comments_count"])
    assert events[-1]["data"]["lead"]["comments_count"] == 2


async def test_a_clone_is_one_event_of_the_new_lead(api: Api) -> None:
    lead = await api.lead()
    await api.item(lead["id"])
    body = {"lead_title": "again", "lead_status": 1, "copy_checklist": "on"}
    clone = (await api.post(f"/api/leads/{lead['id']}/clone", body)).json()["data"]

    _, event = await followed(api, 2)

    assert told(event) == ("lead.cloned", 1, [])
    assert event["data"]["lead_id"] == clone["id"]
    assert event["data"]["lead"] == clone


async def test_a_deletion_is_one_event_with_the_version_behind_the_last(api: Api) -> None:
    lead = await api.lead()
    await api.comment(lead["id"])
    await api.delete(f"/api/leads/{lead['id']}", headers={"X-Request-ID": "gone"})

    events = await followed(api, 3)

    assert told(events[-1]) == ("lead.deleted", 3, [])
    data = events[-1]["data"]
    assert (data["lead_id"], data["lead"]) == (lead["id"], None)
    assert (data["actor"], data["request_id"]) == ({"id": 1, "name": "Admin"}, "gone")


async def test_a_conversion_that_deletes_the_lead_is_two_events(api: Api) -> None:
    lead = await api.lead()
    await api.client(lead["id"], delete_lead="yes")

    events = await followed(api, 3)

    assert [told(event) for event in events[1:]] == [
        ("lead.converted", 2, ["status", "converted"]),
        ("lead.deleted", 3, []),
    ]
    assert {event["data"]["lead"] is None for event in events[1:]} == {True}


async def test_the_deletion_of_a_team_user_is_an_event_of_each_of_their_leads(api: Api) -> None:
    member = (await api.member())["id"]
    leads = [(await api.lead())["id"] for _ in range(3)]
    for lead in leads[:2]:
        await api.put(f"/api/leads/{lead}/assigned", {"assigned": [member]})
    await api.delete(f"/api/team/{member}", headers={"X-Request-ID": "left"})

    events = (await followed(api, 7))[5:]

    assert [told(event) for event in events] == [("lead.assigned", 3, ["assigned"])] * 2
    assert {event["data"]["lead_id"] for event in events} == set(leads[:2])
    assert {event["data"]["request_id"] for event in events} == {"left"}
    assert [event["data"]["lead"]["assigned"] for event in events] == [[], []]


async def test_who_deletes_a_document_by_other_means_is_not_known(api: Api, database: Database) -> None:
    lead = await api.lead()
    await api.comment(lead["id"])
    await database["leads"].delete_one({"_id": lead["id"]})

    events = await followed(api, 3)

    assert told(events[-1]) == ("lead.deleted", 3, [])
    assert (events[-1]["data"]["actor"], events[-1]["data"]["request_id"]) == (None, None)


async def test_the_lead_of_an_event_is_never_older_than_the_change(api: Api) -> None:
    leads = [(await api.lead())["id"] for _ in range(5)]
    for n in range(60):
        await api.patch(f"/api/leads/{leads[n % 5]}", {"lead_description": f"text {n}"})

    events = await followed(api, 65)

    assert all(event["data"]["lead"]["version"] >= event["data"]["version"] for event in events)
    for lead in leads:
        assert [event["data"]["version"] for event in events if event["data"]["lead_id"] == lead] == list(range(1, 14))


async def _none(api: Api, _database: Database, _lead: int) -> None:
    await api.patch("/api/team/1", {"last_name": "King"})
    await api.patch("/api/lead-statuses/1", {"title": "Fresh"})


async def _refused(api: Api, _database: Database, lead: int) -> None:
    assert (await api.patch(f"/api/leads/{lead}", {"lead_title": ""})).status_code == 422
    tagged = await api.put(f"/api/leads/{lead}/tags", {"tags": []}, headers={"If-Match": '"v9.1"'})
    assert tagged.status_code == 412
    assert (await api.delete(f"/api/leads/{lead}", headers={"If-Match": '"v9.1"'})).status_code == 412
    assert (await api.delete(f"/api/leads/{lead}/comments/99")).status_code == 404
    person = {"first_name": "Jane", "last_name": "Doe", "email": "admin@example.com"}
    admin = (await api.get("/api/team/1")).json()["data"]["email"]
    assert (await api.post(f"/api/leads/{lead}/convert", person | {"email": admin})).status_code == 422


async def _item(api: Api, _database: Database, lead: int) -> None:
    await api.item(lead)


async def _custom_field(api: Api, database: Database, lead: int) -> None:
    field = (await api.get("/api/custom-fields")).json()["data"][0]["id"]
    await api.delete(f"/api/custom-fields/{field}")

    async def cleared() -> bool:
        found = await database["leads"].find_one({"_id": lead})
        return found is not None and not found["custom"]

    await until(cleared, "the values are removed")


async def _by_hand(_api: Api, database: Database, lead: int) -> None:
    await database["leads"].update_one({"_id": lead}, {"$set": {"schema_version": 3, "folded.source": "x"}})


@pytest.mark.parametrize("do", [_none, _refused, _item, _custom_field, _by_hand], ids=lambda do: do.__name__[1:])
async def test_what_changes_no_lead_is_no_event(
    do: Callable[[Api, Database, int], Awaitable[None]], api: Api, database: Database
) -> None:
    await api.custom_field("colour")
    lead = (await api.lead(colour="blue"))["id"]

    await do(api, database, lead)

    assert await last_id(api) == 2
    assert (await api.shown(lead))["version"] == 1


async def test_what_was_rolled_back_is_no_event(api: Api, database: Database) -> None:
    lead = (await api.lead())["id"]
    async with await start_session(database.client) as session:
        await begin(session)
        change = {"$set": {"change": {"type": "tagged", "by": 1, "request_id": None}}, "$inc": {"version": 1}}
        await database["leads"].update_one({"_id": lead}, change, session=session)
        await database["leads"].insert_one({"_id": 900, "version": 1, "change": change}, session=session)
        await session.abort_transaction()

    assert await last_id(api) == 2


async def test_a_repeated_request_with_an_idempotency_key_is_one_event(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = [await api.post("/api/leads", WHOLE, headers=headers) for _ in range(2)]
    assert first.content == again.content

    assert await last_id(api) == 2


async def test_a_malformed_lead_holds_no_other_event_up(api: Api, database: Database) -> None:
    lead = (await api.lead())["id"]
    await database["leads"].insert_one({"_id": "by hand", "version": 1})
    await database["leads"].update_one(
        {"_id": lead}, {"$set": {"dates": 5, "change": {"type": "tagged", "by": 1}}, "$inc": {"version": 1}}
    )
    other = await api.lead()

    events = await followed(api, 3)

    assert [event["data"]["lead_id"] for event in events] == [lead, lead, other["id"]]
    assert events[1]["data"]["lead"] is None
    assert events[2]["data"]["lead"] == other


async def test_many_events_of_large_leads_are_written_in_parts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.events.recorder.MAX_CHARACTERS", 3000)
    monkeypatch.setattr("leads_api.events.recorder.MAX_LEAD_BYTES", 20_000)
    lead = (await api.lead(lead_description="x" * 2000))["id"]
    await api.patch(f"/api/leads/{lead}", {"lead_description": "y" * 2500})
    await api.put(f"/api/leads/{lead}/status", {"status": 3})
    large = (await api.lead(lead_description="z" * 30_000))["id"]

    events = await followed(api, 4)

    assert [event["data"]["version"] for event in events] == [1, 2, 3, 1]
    assert [event["id"] for event in events] == [1, 2, 3, 4]
    assert events[2]["data"]["lead"]["description"] == "y" * 2500
    assert (events[3]["data"]["lead_id"], events[3]["data"]["lead"]) == (large, None)
