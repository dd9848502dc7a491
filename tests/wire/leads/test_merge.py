"""Merges beside other calls at the same moment: whole or absent, and nothing is orphaned (contract, "Merge")."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from leads_api.files.store import FileStore
from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.services import Services
from leads_api.settings import Settings
from tests.client import Api, Json, errors
from tests.conftest import PATIENCE
from tests.simulators.relay import Relay

ROUNDS = 6


@pytest.fixture
def files(database: Database) -> FileStore:
    """The store of files: no endpoint puts them in."""
    return Services(Settings(mongodb_database=database.name, request_timeout=PATIENCE), database.client, Memory()).files


async def merge(api: Api, lead: int, *others: int, **options: Any) -> httpx.Response:
    return await api.post(f"/api/leads/{lead}/merge", {"lead_ids": list(others)}, **options)


async def family(api: Api, count: int) -> list[int]:
    """Create leads, each with a comment and two items that name it."""
    leads = [(await api.lead())["id"] for _ in range(count)]
    for lead in leads:
        await api.comment(lead, f"of {lead}")
        for number in (1, 2):
            await api.item(lead, f"{number} of {lead}")
    return leads


async def comments(api: Api, lead: int) -> list[str]:
    return [comment["text"] for comment in (await api.get(f"/api/leads/{lead}/comments")).json()["data"]]


async def items(api: Api, lead: int) -> list[Json]:
    answer = await api.get("/api/checklists", resource_type="lead", resource_id=lead, limit=100)
    found: list[Json] = answer.json()["data"]
    return found


async def assert_has_all_of(api: Api, lead: int, leads: list[int]) -> None:
    """Assert that a lead has the comments and items of some leads, and nothing else."""
    assert sorted(await comments(api, lead)) == sorted(f"of {each}" for each in leads)
    assert (await api.shown(lead))["comments_count"] == len(leads)
    found = await items(api, lead)
    assert sorted(item["text"] for item in found) == sorted(f"{n} of {each}" for each in leads for n in (1, 2))
    assert [item["position"] for item in found] == list(range(1, len(found) + 1))


async def assert_no_orphans(database: Database) -> None:
    leads = [lead["_id"] async for lead in database["leads"].find({}, {"_id": 1})]
    for collection in ("checklists", "files"):
        assert await database[collection].count_documents({"lead": {"$nin": leads}}) == 0, collection
    async for lead in database["leads"].find():
        assert lead["comments_count"] == len(lead["comments"])
        assert lead["comments_bytes"] == sum(len(comment["text"].encode()) for comment in lead["comments"])
        ids = [comment["id"] for comment in lead["comments"]]
        assert len(ids) == len(set(ids))


async def test_of_two_merges_in_opposite_order_exactly_one_wins(api: Api, second: Api, database: Database) -> None:
    for _ in range(ROUNDS):
        one, other = await family(api, 2)

        answers = await asyncio.gather(merge(api, one, other), merge(second, other, one))

        assert sorted(answer.status_code for answer in answers) in ([200, 404], [200, 422])
        won = one if answers[0].status_code == 200 else other
        await assert_has_all_of(api, won, [one, other])
        assert (await api.shown(won))["version"] == 3  # with its own comment
        assert await database["leads"].count_documents({"_id": {"$in": [one, other]}}) == 1
    await assert_no_orphans(database)


@pytest.mark.parametrize("services", [1, 2])
async def test_of_many_merges_over_the_same_leads_exactly_one_wins(
    api: Api, second: Api, database: Database, services: int
) -> None:
    leads = await family(api, 5)

    answers = await asyncio.gather(
        *(
            merge((api, second)[n % services], lead, *(other for other in leads if other != lead))
            for n, lead in enumerate(leads * 2)
        )
    )

    counts = Counter(answer.status_code for answer in answers)
    assert counts[200] == 1, counts
    assert set(counts) <= {200, 404, 422}
    (won,) = (answer.json()["data"]["id"] for answer in answers if answer.status_code == 200)
    await assert_has_all_of(api, won, leads)
    assert await database["leads"].count_documents({}) == 1
    await assert_no_orphans(database)


async def test_a_chain_of_merges_at_the_same_moment_loses_nothing(api: Api, second: Api, database: Database) -> None:
    for _ in range(ROUNDS):
        leads = await family(api, 4)

        await asyncio.gather(
            *((api, second)[n % 2].post(f"/api/leads/{leads[n]}/merge", {"lead_ids": [leads[n + 1]]}) for n in range(3))
        )

        left = [lead async for lead in database["leads"].find({"_id": {"$in": leads}})]
        texts = [comment["text"] for lead in left for comment in lead["comments"]]
        assert sorted(texts) == sorted(f"of {lead}" for lead in leads)
        assert await database["checklists"].count_documents({"lead": {"$in": [lead["_id"] for lead in left]}}) == 8
        await database["leads"].delete_many({})
        await database["checklists"].delete_many({})


async def test_a_conversion_of_another_lead_wins_or_finds_it_gone(api: Api, second: Api, database: Database) -> None:
    for _ in range(ROUNDS):
        lead, other, sold = await family(api, 3)
        wish = {"first_name": "Jane", "last_name": "Doe", "email": f"{sold}@acme.example"}

        answer, converted = await asyncio.gather(
            merge(api, lead, other, sold), second.post(f"/api/leads/{sold}/convert", wish)
        )

        assert (answer.status_code, converted.status_code) in {(200, 404), (409, 201)}
        if answer.status_code == 200:
            await assert_has_all_of(api, lead, [lead, other, sold])
            assert await database["clients"].count_documents({"created_from_lead_id": sold}) == 0
        else:
            for each in (lead, other, sold):
                await assert_has_all_of(api, each, [each])
    await assert_no_orphans(database)


async def test_a_conversion_of_the_lead_itself_and_a_merge_are_both_done(
    api: Api, second: Api, database: Database
) -> None:
    for _ in range(ROUNDS):
        lead, other = await family(api, 2)
        wish = {"first_name": "Jane", "last_name": "Doe", "email": f"{lead}@acme.example"}

        answer, converted = await asyncio.gather(
            merge(api, lead, other), second.post(f"/api/leads/{lead}/convert", wish)
        )

        assert (answer.status_code, converted.status_code) == (200, 201)
        after = await api.shown(lead)
        assert (after["converted"]["client_id"], after["version"]) == (converted.json()["data"]["id"], 4)
        await assert_has_all_of(api, lead, [lead, other])
    await assert_no_orphans(database)


async def test_a_conversion_that_deletes_the_lead_leaves_the_others_or_takes_all(
    api: Api, second: Api, database: Database
) -> None:
    for _ in range(ROUNDS):
        lead, other = await family(api, 2)
        wish = {"first_name": "Jane", "last_name": "Doe", "email": f"{lead}@acme.example", "delete_lead": "yes"}

        answer, converted = await asyncio.gather(
            merge(api, lead, other), second.post(f"/api/leads/{lead}/convert", wish)
        )

        assert converted.status_code == 201
        assert answer.status_code in {200, 404}
        assert (await api.get(f"/api/leads/{lead}")).status_code == 404
        if answer.status_code == 404:
            await assert_has_all_of(api, other, [other])
        else:
            assert (await api.get(f"/api/leads/{other}")).status_code == 404
    await assert_no_orphans(database)


async def test_a_deletion_of_the_lead_leaves_the_others_or_takes_all(
    api: Api, second: Api, database: Database, files: FileStore
) -> None:
    for _ in range(ROUNDS):
        lead, other = await family(api, 2)
        await files.put(other, "a", b"one")

        answer, deleted = await asyncio.gather(merge(api, lead, other), second.delete(f"/api/leads/{lead}"))

        assert deleted.status_code == 200
        assert answer.status_code in {200, 404}
        if answer.status_code == 404:
            await assert_has_all_of(api, other, [other])
            assert len(await files.of_lead(other)) == 1
    await assert_no_orphans(database)


async def test_a_deletion_of_another_lead_is_refused_or_refuses(api: Api, second: Api, database: Database) -> None:
    for _ in range(ROUNDS):
        lead, other, gone = await family(api, 3)

        answer, deleted = await asyncio.gather(merge(api, lead, other, gone), second.delete(f"/api/leads/{gone}"))

        assert (answer.status_code, deleted.status_code) in {(200, 404), (422, 200)}
        if answer.status_code == 200:
            await assert_has_all_of(api, lead, [lead, other, gone])
        else:
            assert errors(answer) == {"lead_ids.1": ["The selected lead ids.1 is invalid."]}
            await assert_has_all_of(api, lead, [lead])
    await assert_no_orphans(database)


async def test_what_is_added_and_changed_meanwhile_is_in_the_lead_or_refused(
    api: Api, second: Api, database: Database, files: FileStore
) -> None:
    for _ in range(ROUNDS):
        leads = await family(api, 3)
        lead = leads[0]
        entry = (await items(api, leads[1]))[0]["id"]

        async def item(of: int) -> httpx.Response:
            body = {"checklistresource_type": "lead", "checklistresource_id": of, "checklist_text": f"new {of}"}
            return await second.post("/api/checklists", body)

        storing = asyncio.create_task(files.put(lead, "own", b"one"))
        answer, done, remark, *added = await asyncio.gather(
            merge(api, *leads),
            second.put(f"/api/checklists/{entry}/status", {"status": "completed"}),
            second.post(f"/api/checklists/{entry}/comments", {"comment": "Half done."}),
            *(second.post(f"/api/leads/{of}/comments", {"comment": f"new {of}"}) for of in leads),
            *(item(of) for of in leads),
            *(second.patch(f"/api/leads/{of}", {"lead_phone": f"{of}"}) for of in leads),
        )
        await storing

        assert (answer.status_code, done.status_code, remark.status_code) == (200, 200, 201)
        said, listed, changed = added[0:3], added[3:6], added[6:9]
        assert (said[0].status_code, listed[0].status_code, changed[0].status_code) == (201, 201, 200)
        assert {each.status_code for each in said} <= {201, 404}
        assert {each.status_code for each in listed} <= {201, 422}
        assert {each.status_code for each in changed} <= {200, 404}
        shown = await items(api, lead)
        for texts, answers in ((await comments(api, lead), said), ([entry["text"] for entry in shown], listed)):
            wanted = [f"new {of}" for of, each in zip(leads, answers, strict=True) if each.status_code == 201]
            assert sorted(text for text in texts if text.startswith("new")) == sorted(wanted)
        assert [each["status"] for each in shown if each["id"] == entry] == ["completed"]
        assert [each["comments_count"] for each in shown if each["id"] == entry] == [1]
        assert len({each["position"] for each in shown}) == len(shown)
        assert (await api.shown(lead))["contact"]["phone"] == f"{lead}"
        assert [file.name for file in await files.of_lead(lead)] == ["own"]
    await assert_no_orphans(database)


async def test_an_external_id_that_is_wanted_meanwhile_belongs_to_one_lead(
    api: Api, second: Api, database: Database
) -> None:
    for number in range(ROUNDS):
        lead = (await api.lead(lead_external_id=f"own-{number}" if number % 2 else None))["id"]
        other = (await api.lead(lead_external_id=f"moved-{number}"))["id"]
        new = {"lead_title": "New", "lead_status": 1, "lead_categoryid": 3, "lead_external_id": f"moved-{number}"}

        answer, created, changed = await asyncio.gather(
            merge(api, lead, other),
            second.post("/api/leads", new),
            second.patch(f"/api/leads/{other}", {"lead_external_id": f"other-{number}"}),
        )

        assert (answer.status_code, created.status_code in {201, 422}) == (200, True), answer.text
        assert changed.status_code in {200, 404}
        claims = {claim["_id"]: claim["lead_id"] async for claim in database["external_ids"].find()}
        owners = {
            found["external_id"]: found["_id"] async for found in database["leads"].find() if found["external_id"]
        }
        assert claims == owners
        kept = answer.json()["data"]["external_id"]
        assert kept == f"own-{number}" if number % 2 else kept in {f"moved-{number}", f"other-{number}"}


async def test_files_move_with_their_contents(api: Api, database: Database, files: FileStore) -> None:
    lead, other = await family(api, 2)
    await files.put(lead, "own", b"same")
    moved = [await files.put(other, name, content) for name, content in (("a", b"one" * 200_000), ("b", b"same"))]

    assert (await merge(api, lead, other)).status_code == 200
    await files.sweep(timedelta(days=-1))

    assert [file.name for file in await files.of_lead(lead)] == ["own", "a", "b"]
    assert [await files.read(file.id) for file in moved] == [b"one" * 200_000, b"same"]
    assert await files.of_lead(other) == []
    await assert_no_orphans(database)


async def test_a_file_that_is_stored_in_another_lead_meanwhile_moves_or_is_refused(
    api: Api, second: Api, database: Database, files: FileStore
) -> None:
    for salt in range(ROUNDS):
        lead, other = await family(api, 2)

        answer, stored = await asyncio.gather(
            merge(second, lead, other), files.put(other, "a", b"new %d" % salt), return_exceptions=True
        )

        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 200
        assert len(await files.of_lead(lead)) == (0 if isinstance(stored, Exception) else 1)
    await assert_no_orphans(database)


async def test_a_lead_that_changes_before_the_transaction_is_merged_as_it_is_then(
    api: Api, relayed_api: Api, relay: Relay
) -> None:
    lead, other = await family(api, 2)

    with relay.holding("find", "leads") as read:
        merging = asyncio.create_task(merge(relayed_api, lead, other))
        await read.came(1)
        await api.patch(f"/api/leads/{other}", {"lead_phone": "After"})
        await api.comment(other, "after")
        read.release_all()
        answer = await merging

    assert (answer.status_code, answer.json()["data"]["contact"]["phone"]) == (200, "After")
    assert sorted(await comments(api, lead)) == ["after", f"of {lead}", f"of {other}"]


async def test_leads_that_are_larger_together_than_a_document_may_be_are_refused(api: Api, database: Database) -> None:
    lead, other = await family(api, 2)
    for number, each in enumerate((lead, other)):
        await database["leads"].update_one({"_id": each}, {"$set": {f"custom.{100 + number}": "x" * 9_000_000}})

    answer = await merge(api, lead, other)

    text = "The leads are larger together than the database can keep in one record: merge fewer leads."
    assert errors(answer) == {"lead_ids": [text]}
    for each in (lead, other):
        await assert_has_all_of(api, each, [each])


async def test_a_thousand_items_of_twenty_leads_are_moved_in_time(api: Api, database: Database) -> None:
    leads = [(await api.lead())["id"] for _ in range(21)]
    fields = {"status": "pending", "comments": [], "comments_count": 0}
    places = [divmod(number, 50) for number in range(1000)]
    await database["checklists"].insert_many(
        [
            {"_id": 10_000 + n, "lead": leads[1 + lead], "text": f"{lead}.{place}", "position": place, **fields}
            for n, (lead, place) in enumerate(places)
        ]
    )

    answer = await merge(api, *leads)
    more = await api.post(
        "/api/checklists",
        {"checklistresource_type": "lead", "checklistresource_id": leads[0], "checklist_text": "One more"},
    )

    assert answer.status_code == 200, answer.text
    found = database["checklists"].find({"lead": leads[0]}).sort([("position", 1)])
    moved = [(item["position"], item["text"]) async for item in found]
    assert moved == [(n, f"{lead}.{place}") for n, (lead, place) in enumerate(places, start=1)]
    assert more.status_code == 422
