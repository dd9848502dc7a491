"""Settings that another process has just changed (contract, section 4)."""

import math
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from leads_api.catalog.cache import Catalog
from leads_api.mongo.client import Database
from tests.client import Api, Json, errors
from tests.conftest import Serve

BODY = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


@pytest.fixture
async def late(serve: Serve) -> AsyncIterator[Api]:
    """Another service on the same database, whose cache lasts for longer than a test."""
    async with serve(cache_seconds=60) as api:
        await api.lead()
        yield api


async def test_a_custom_field_that_another_process_has_just_made_is_recognised(api: Api, late: Api) -> None:
    await api.custom_field("colour")
    created = await late.post("/api/leads", BODY | {"colour": "blue"})
    await api.custom_field("size")
    lead = created.json()["data"]
    changed = await late.patch(f"/api/leads/{lead['id']}", {"size": "L"})
    await api.custom_field("shape")
    form = await late.call("POST", "/api/leads", data=BODY | {"shape": "round"})

    assert (created.status_code, changed.status_code, form.status_code) == (201, 200, 201)
    assert lead["custom_fields"] == {"colour": "blue"}
    assert changed.json()["data"]["custom_fields"] == {"colour": "blue", "size": "L"}
    assert form.json()["data"]["custom_fields"] == {"colour": None, "size": None, "shape": "round"}


@pytest.mark.parametrize(
    ("before", "change", "given"),
    [
        ({"datatype": "dropdown", "options": ["S"]}, {"options": ["S", "L"]}, {"size": "L"}),
        ({"is_enabled": False}, {"is_enabled": True}, {"size": "L"}),
        ({"is_required": True}, {"is_required": False}, {}),
        ({"is_required": True}, {"on_standard_form": False}, {}),
    ],
)
async def test_what_a_custom_field_has_just_begun_to_allow_is_allowed(
    api: Api, late: Api, before: Json, change: Json, given: Json
) -> None:
    field = await api.custom_field("size", **before)
    refused = await late.post("/api/leads", BODY | given | {"sise": "L"})  # the other process knows the field now
    await api.patch(f"/api/custom-fields/{field['id']}", change)

    answer = await late.post("/api/leads", BODY | given)

    assert refused.status_code == 422
    assert answer.status_code == 201, answer.text


async def test_all_faults_are_reported_once_when_settings_were_looked_up_for_them(api: Api, late: Api) -> None:
    await api.custom_field("size", "number")

    answer = await late.post("/api/leads", {"lead_status": 1, "lead_categoryid": 3, "size": "L", "sise": "L"})

    assert errors(answer) == {
        "lead_title": ["The lead title field is required."],
        "size": ["The size field must be an integer."],
        "sise": ["The sise field is not recognised."],
    }


async def test_a_member_whom_another_process_has_just_activated_can_be_assigned(api: Api, late: Api) -> None:
    member = await api.member(status="suspended")
    lead = await late.lead()
    refused = await late.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [member["id"]]})
    await api.patch(f"/api/team/{member['id']}", {"status": "active"})

    answer = await late.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [member["id"]]})

    assert (refused.status_code, answer.status_code) == (422, 200)


@pytest.mark.parametrize("unknown", [{"sise": "L"}, {"lead_status": 999}, {"lead_categoryid": 999}])
async def test_requests_with_unknown_names_or_ids_do_not_all_read_the_database(
    api: Api, late: Api, monkeypatch: pytest.MonkeyPatch, unknown: Json
) -> None:
    reads = []
    read = Catalog._revision

    async def counted(catalog: Catalog) -> int:
        reads.append(catalog)
        return await read(catalog)

    monkeypatch.setattr(Catalog, "_revision", counted)
    monkeypatch.setattr("leads_api.catalog.cache.LOOKUPS_PER_SECOND", 1)
    began = monotonic()

    answers = [await late.post("/api/leads", BODY | unknown) for _ in range(60)]

    assert {answer.status_code for answer in answers} == {422}
    assert 1 <= len(reads) <= math.ceil(monotonic() - began) + 1


async def test_settings_that_an_election_has_rolled_back_are_not_taken_for_current_ones(
    serve: Serve, database: Database
) -> None:
    async with serve(cache_seconds=0) as api, serve(cache_seconds=0) as other:
        status = await api.status("Before")
        lead = await api.lead(lead_status=status["id"])
        before = {name: await database[name].find().to_list(None) for name in ("lead_statuses", "catalog")}
        await api.patch(f"/api/lead-statuses/{status['id']}", {"title": "Rolled back"})
        seen = (await other.shown(lead["id"]))["status"]["title"]
        for name, documents in before.items():
            for document in documents:
                await database[name].replace_one({"_id": document["_id"]}, document)

        await api.patch(f"/api/lead-statuses/{status['id']}", {"title": "After"})

        shown = [(await service.shown(lead["id"]))["status"]["title"] for service in (api, other)]
    assert seen == "Rolled back"
    assert shown == ["After", "After"]
