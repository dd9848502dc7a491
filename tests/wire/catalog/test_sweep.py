"""What a deletion leaves in leads when it is cut off or undone by another process (contract, section 4)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from pymongo.errors import AutoReconnect

from leads_api.catalog.delete import SETTLED_SECONDS
from leads_api.leads.store import LeadStore
from leads_api.mongo.client import Database
from leads_api.settings import Settings
from tests.client import Api, Json
from tests.conftest import Serve

PATIENCE = 60.0


async def cut_off(database: Database, collection: str, record_id: int) -> None:
    """Leave what a deletion leaves behind that got no further than its own commit."""
    await database[collection].update_one(
        {"_id": record_id}, {"$set": {"deleted": True, "residue": 1}, "$unset": {"folded": ""}}
    )
    await database["catalog"].update_one({"_id": "catalog"}, {"$inc": {"revision": 1}})


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def of(database: Database, collection: str, record_id: int) -> Json:
    document = await database[collection].find_one({"_id": record_id})
    assert document is not None
    return document


async def assigned_lead(api: Api, *members: int) -> Json:
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": list(members)})
    return lead


async def test_a_member_whose_deletion_was_cut_off_is_hidden_at_once(serve: Serve, database: Database) -> None:
    async with serve(cache_seconds=0) as api:
        sam, kim = await api.member(), await api.member("Kim", "Poe")
        lead = await assigned_lead(api, sam["id"], kim["id"])

        await cut_off(database, "users", sam["id"])

        shown = await api.shown(lead["id"])
        listed = (await api.get("/api/leads")).json()["data"]
        found = (await api.get("/api/leads", assigned_user_id=sam["id"])).json()
        again = await api.member()
    assert shown["assigned"] == [{"id": kim["id"], "name": "Kim Poe"}]
    assert listed == [shown]
    assert found["data"] == []
    assert found["meta"]["total"] == 0
    assert again["id"] > kim["id"]
    assert (await of(database, "leads", lead["id"]))["assigned"] == [sam["id"], kim["id"]]


async def test_the_sweep_ends_the_deletion_of_a_member(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api:
        sam, kim = await api.member(), await api.member("Kim", "Poe")
        leads = [await assigned_lead(api, sam["id"], kim["id"]), await assigned_lead(api, kim["id"])]
    await cut_off(database, "users", sam["id"])
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)
    monkeypatch.setattr("leads_api.catalog.delete.SETTLED_SECONDS", 0.0)

    async def swept() -> bool:
        return "residue" not in await of(database, "users", sam["id"])

    async with serve() as api:
        await until(swept)

        shown = [(await api.shown(lead["id"]))["assigned"] for lead in leads]
    assert shown == [[{"id": kim["id"], "name": "Kim Poe"}]] * 2
    assert [(await of(database, "leads", lead["id"]))["assigned"] for lead in leads] == [[kim["id"]]] * 2
    assert (await of(database, "users", sam["id"]))["deleted"] is True


async def test_the_sweep_ends_the_deletion_of_a_custom_field(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(cache_seconds=0) as api:
        colour, size = await api.custom_field("colour"), await api.custom_field("size")
        lead = await api.lead(colour="blue", size="L")
        await cut_off(database, "custom_fields", colour["id"])
        hidden = await api.shown(lead["id"])
        await api.custom_field("colour")
        renewed = await api.shown(lead["id"])
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)
    monkeypatch.setattr("leads_api.catalog.delete.SETTLED_SECONDS", 0.0)

    async def swept() -> bool:
        return "residue" not in await of(database, "custom_fields", colour["id"])

    async with serve():
        await until(swept)

    assert hidden["custom_fields"] == {"size": "L"}
    assert renewed["custom_fields"] == {"size": "L", "colour": None}
    assert (await of(database, "leads", lead["id"]))["custom"] == {str(size["id"]): "L"}


async def test_a_deletion_whose_rest_fails_is_done_for_callers_and_ended_later(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_store: LeadStore, _member: int, _by: int) -> None:
        raise AutoReconnect

    with monkeypatch.context() as broken:
        broken.setattr(LeadStore, "clear_assignments", failing)
        async with serve() as api:
            sam = await api.member()
            lead = await assigned_lead(api, sam["id"])

            answer = await api.delete(f"/api/team/{sam['id']}")
            again = await api.delete(f"/api/team/{sam['id']}")
            shown = await api.shown(lead["id"])
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)

    async def swept() -> bool:
        return not (await of(database, "leads", lead["id"]))["assigned"]

    async with serve():
        await until(swept)

    assert (answer.status_code, again.status_code) == (200, 404)
    assert shown["assigned"] == []


async def test_an_undisturbed_deletion_leaves_only_its_mark(serve: Serve, database: Database) -> None:
    async with serve() as api:
        sam, colour = await api.member(), await api.custom_field("colour")
        lead = await assigned_lead(api, sam["id"])
        await api.patch(f"/api/leads/{lead['id']}", {"colour": "blue"})

        await api.delete(f"/api/team/{sam['id']}")
        await api.delete(f"/api/custom-fields/{colour['id']}")

    document = await of(database, "leads", lead["id"])
    assert (document["assigned"], document["custom"]) == ([], {})
    assert (await of(database, "users", sam["id"]))["residue"] == 1
    assert (await of(database, "custom_fields", colour["id"]))["residue"] == 1


async def test_what_another_process_does_with_a_deleted_setting_is_undone_by_the_sweep(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api, serve(cache_seconds=60) as stale:
        sam, colour = await api.member(), await api.custom_field("colour")
        lead = await stale.lead(colour="red")
        await api.delete(f"/api/team/{sam['id']}")
        await api.delete(f"/api/custom-fields/{colour['id']}")

        assigned = await stale.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [sam["id"]]})
        set_again = await stale.patch(f"/api/leads/{lead['id']}", {"colour": "blue"})

        shown = await api.shown(lead["id"])
    undone = await of(database, "leads", lead["id"])
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)
    monkeypatch.setattr("leads_api.catalog.delete.SETTLED_SECONDS", 0.0)

    async def swept() -> bool:
        return not await database["users"].count_documents({"residue": {"$exists": True}}) and not await database[
            "custom_fields"
        ].count_documents({"residue": {"$exists": True}})

    async with serve() as api:
        await until(swept)
        shown_after = await api.shown(lead["id"])

    assert (assigned.status_code, set_again.status_code) == (200, 200)
    assert (undone["assigned"], undone["custom"]) == ([sam["id"]], {str(colour["id"]): "blue"})
    document = await of(database, "leads", lead["id"])
    assert (document["assigned"], document["custom"]) == ([], {})
    assert [(view["assigned"], view["custom_fields"]) for view in (shown, shown_after)] == [([], {})] * 2


async def test_the_sweep_repeats_a_clean_up_as_long_as_other_processes_may_undo_it(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.lifespan._SWEEP_PAUSE", 0.05)
    async with serve() as api:
        sam = await api.member()
        lead = await assigned_lead(api, sam["id"])
        await api.delete(f"/api/team/{sam['id']}")

        async def swept() -> bool:
            return not (await of(database, "leads", lead["id"]))["assigned"]

        for _ in range(2):
            await database["leads"].update_one({"_id": lead["id"]}, {"$set": {"assigned": [sam["id"]]}})
            await until(swept)

        assert (await of(database, "users", sam["id"]))["residue"] == 1


async def test_a_clean_up_is_repeated_for_longer_than_any_process_knows_the_deleted_setting() -> None:
    longest = {}
    for field in msgspec.structs.fields(Settings):
        if field.name in {"cache_seconds", "request_timeout"}:
            (meta,) = (part for part in field.type.__metadata__ if isinstance(part, msgspec.Meta))
            longest[field.name] = meta.le or 0

    assert SETTLED_SECONDS > longest["cache_seconds"] + longest["request_timeout"] > 0


async def test_a_lead_that_got_a_status_that_another_process_has_deleted_shows_its_title(serve: Serve) -> None:
    async with serve() as api, serve(cache_seconds=60) as stale:
        status, category = await api.status("Passing"), await api.category("Passing")
        await stale.lead(lead_status=status["id"], lead_categoryid=category["id"])
        (lead,) = (await api.get("/api/leads")).json()["data"]
        await api.delete(f"/api/leads/{lead['id']}")
        await api.delete(f"/api/lead-statuses/{status['id']}")
        await api.delete(f"/api/categories/{category['id']}")

        late = await stale.lead(lead_status=status["id"], lead_categoryid=category["id"])

        shown = await api.shown(late["id"])
    assert shown["status"] == {"id": status["id"], "title": "Passing", "color": "default"}
    assert shown["category"] == {"id": category["id"], "name": "Passing"}
