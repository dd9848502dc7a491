"""`leads person`: what is held about a person, and its erasure."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import bson
import pytest

from leads_api.mongo.client import Database
from tests.client import Json
from tests.wire.process import Service, free_port, leads, running, until

EMAIL = "Jane.Doe@acme.example"
EVENTS = 3
"""How many events the lead has."""
WORDS = (
    "Jane Doe",
    "of Jane",
    "Jane has",
    " jane.doe",
    "+49 30 1234",
    "Main Street",
    "secret wish",
    "called her",
    "crm-17",
    "passport",
)


@pytest.fixture
async def service(tmp_path: Path, given: dict[str, str]) -> AsyncIterator[Service]:
    async with running(tmp_path, given=given) as service:
        yield service


@pytest.fixture
async def lead(service: Service, database: Database) -> Json:
    """A lead of a person of whom everything is known, and who has become a client; a webhook is to get its events."""
    api = service.api
    await api.post("/api/webhooks", {"url": f"http://127.0.0.1:{free_port()}", "events": ["*"]})
    await api.post("/api/custom-fields", {"name": "wish", "title": "Wish", "datatype": "text"})
    await api.post("/api/custom-fields", {"name": "seats", "title": "Seats", "datatype": "number"})
    lead = await api.lead(
        lead_title="Jane Doe - shop", lead_firstname="Jane", lead_lastname="Doe", lead_email=EMAIL,
        lead_phone="+49 30 1234", lead_street="Main Street 1", lead_value="2500.00", lead_source="Fair",
        lead_description="Jane has a secret wish.", lead_external_id="crm-17", wish="secret wish", seats=7,
    )  # fmt: skip
    path = f"/api/leads/{lead['id']}"
    await api.post(f"{path}/comments", {"comment": "called her"})
    item = {"checklistresource_type": "lead", "checklistresource_id": lead["id"], "checklist_text": "passport of Jane"}
    await api.post("/api/checklists", item)
    await api.post(
        f"{path}/convert", {"first_name": "Jane", "last_name": "Doe", "email": EMAIL, "send_welcome_email": "yes"}
    )
    other = await api.lead(lead_title="Other", lead_email="kim@blue.example")
    await api.post(f"/api/leads/{other['id']}/comments", {"comment": f"Ask {EMAIL.upper()} first."})
    await api.post(f"/api/leads/{other['id']}/comments", {"comment": f"Not x{EMAIL}"})

    async def queued() -> bool:
        return await database["webhook_deliveries"].count_documents({"lead": lead["id"]}) == EVENTS

    await until(queued, "the webhook is to get the events of the lead")
    return (await api.get(path)).json()["data"]  # type: ignore[no-any-return]


async def all_text(database: Database) -> str:
    """Everything in the database, without the answers that are kept for a day for idempotency keys."""
    names = await database.list_collection_names()
    documents = [document for name in names async for document in database[name].find()]
    return "\n".join(bson.encode(document).decode("utf-8", errors="replace") for document in documents)


async def test_all_that_is_held_about_a_person_is_exported(given: dict[str, str], lead: Json) -> None:
    done = await leads("person", EMAIL.lower(), "export", **given)

    held = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    (found,) = held["leads"]
    assert {name: value for name, value in found.items() if name in lead} == lead
    assert [comment["text"] for comment in found["comments"]] == ["called her"]
    assert [item["text"] for item in found["checklist"]] == ["passport of Jane"]
    assert [client["created_from_lead_id"] for client in held["clients"]] == [lead["id"]]
    assert [(user["name"], user["email"]) for user in held["users"]] == [("Jane Doe", EMAIL)]
    assert [mail["recipient"] for mail in held["mails"]] == [EMAIL]
    assert [event["type"] for event in held["events"]] == ["lead.created", "lead.comment_added", "lead.converted"]
    assert [comment["text"] for comment in held["other_comments"]] == [f"Ask {EMAIL.upper()} first."]


async def test_of_an_erased_person_no_word_is_left_and_numbers_and_references_stay(
    given: dict[str, str], lead: Json, service: Service, database: Database
) -> None:
    before = {name: await database[name].count_documents({}) for name in ("leads", "clients", "users", "checklists")}

    done = await leads("person", EMAIL, "erase", "--yes", "--json", **given)
    again = await leads("person", EMAIL, "export", **given)

    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts.pop("events") in {EVENTS, EVENTS + 1}  # the erasure itself is an event
    assert counts == {"leads": 1, "clients": 1, "users": 1, "mails": 1, "other_comments": 1, "erased": True}
    assert {kind: len(records) for kind, records in json.loads(again.stdout).items()} == dict.fromkeys(
        ["leads", "clients", "users", "mails", "events", "other_comments"], 0
    )
    text = await all_text(database)
    assert [word for word in WORDS if word in text] == []
    assert {name: await database[name].count_documents({}) for name in before} == before

    after = (await service.api.get(f"/api/leads/{lead['id']}")).json()["data"]
    kept = ("id", "value", "status", "category", "source", "converted", "assigned", "tags", "comments_count")
    assert {name: after[name] for name in kept} == {name: lead[name] for name in kept}
    assert (after["title"], after["external_id"], after["version"]) == ("Erased", None, lead["version"] + 1)
    assert set(after["contact"].values()) | set(after["address"].values()) | {after["description"]} == {None}
    assert after["custom_fields"] == {"wish": None, "seats": 7}
    client = (await service.api.get(f"/api/clients/{lead['converted']['client_id']}")).json()["data"]
    assert (client["owner"]["name"], client["created_from_lead_id"]) == ("Erased", lead["id"])
    stored = await database["leads"].find_one({"_id": lead["id"]})
    assert stored is not None
    assert stored["comments_bytes"] == sum(len(comment["text"]) for comment in stored["comments"])


async def test_what_events_show_of_a_lead_that_is_gone_is_erased_as_well(
    given: dict[str, str], service: Service, database: Database
) -> None:
    lead = await service.api.lead(lead_title="Jane Doe - shop", lead_email=EMAIL)
    await service.api.delete(f"/api/leads/{lead['id']}")

    async def told() -> bool:
        return (await database["events"].count_documents({"lead_id": lead["id"]})) == 2

    await until(told, "the feed tells of the deletion")
    await database["events"].update_one({"type": "lead.created"}, {"$set": {"lead": json.dumps(lead)}})

    done = await leads("person", EMAIL, "erase", "--yes", "--json", **given)

    assert json.loads(done.stdout)["events"] == 1
    text = await all_text(database)
    assert "Jane Doe" not in text
    assert EMAIL not in text


async def test_nothing_is_erased_without_being_sure(given: dict[str, str], lead: Json, database: Database) -> None:
    done = await leads("person", EMAIL, "erase", **given)

    assert done.returncode == 1
    assert done.stdout == "Held: 1 leads, 1 clients, 1 users, 1 mails, 3 events, 1 other comments.\n"
    assert "--yes" in done.stderr.splitlines()[-1]
    text = await all_text(database)
    assert all(word in text for word in ("Jane Doe", "+49 30 1234", "secret wish", "called her", "crm-17", "passport"))


async def test_a_team_user_is_not_erased(given: dict[str, str], service: Service) -> None:
    member = await service.api.member(email="sam@acme.example")

    done = await leads("person", "sam@acme.example", "erase", "--yes", **given)

    assert done.returncode == 1
    assert f"PATCH /api/team/{member['id']}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "named"), [(["nobody", "export"], "EMAIL"), ([EMAIL], "ACTION"), ([EMAIL, "forget"], "ACTION")]
)
async def test_a_command_line_that_is_not_valid_is_refused(arguments: list[str], named: str) -> None:
    done = await leads("person", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
