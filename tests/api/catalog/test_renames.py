"""Changed settings reach the leads: here at once, elsewhere within the cache's seconds (contract, section 4)."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.client import Api, Json
from tests.conftest import Serve

CACHE_SECONDS = 0.3
PATIENCE = 60.0


@pytest.fixture
async def other(serve: Serve) -> AsyncIterator[Api]:
    """Another service on the same database."""
    async with serve(cache_seconds=CACHE_SECONDS) as api:
        yield api


@pytest.fixture
async def here(serve: Serve) -> AsyncIterator[Api]:
    """A service that would remember settings for long."""
    async with serve(cache_seconds=60) as api:
        yield api


async def eventually(look: Callable[[], Awaitable[object]], expected: object) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        seen = await look()
        if seen == expected or time.monotonic() > until:
            break
        await asyncio.sleep(CACHE_SECONDS / 10)
    assert seen == expected


async def furnished(api: Api) -> tuple[Json, Json, Json, Json]:
    """Return a lead and the status, category and member that it shows."""
    status, category, member = await api.status(), await api.category(), await api.member()
    lead = await api.lead(lead_status=status["id"], lead_categoryid=category["id"])
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [member["id"]]})
    return lead, status, category, member


async def rename(api: Api, status: Json, category: Json, member: Json) -> None:
    await api.patch(f"/api/lead-statuses/{status['id']}", {"title": "Haggling", "color": "lime"})
    await api.patch(f"/api/categories/{category['id']}", {"name": "Resellers"})
    await api.patch(f"/api/team/{member['id']}", {"first_name": "Samuel"})


def labels(lead: Json) -> list[str]:
    return [
        lead["status"]["title"],
        lead["status"]["color"],
        lead["category"]["name"],
        *(person["name"] for person in lead["assigned"]),
    ]


OLD = ["Negotiation", "default", "Partners", "Sam Lee"]
NEW = ["Haggling", "lime", "Resellers", "Samuel Lee"]


async def test_renames_show_at_once_in_the_process_that_did_them(here: Api) -> None:
    lead, *settings = await furnished(here)
    before = await here.shown(lead["id"])

    await rename(here, *settings)

    shown = await here.shown(lead["id"])
    (listed,) = (await here.get("/api/leads")).json()["data"]
    assert labels(before) == OLD
    assert labels(shown) == NEW
    assert listed == shown
    assert (shown["version"], shown["dates"]) == (before["version"], before["dates"])


async def test_renames_show_in_another_process_within_the_seconds_of_its_cache(here: Api, other: Api) -> None:
    lead, *settings = await furnished(here)
    assert labels(await other.shown(lead["id"])) == OLD

    await rename(here, *settings)

    async def look() -> list[str]:
        return labels(await other.shown(lead["id"]))

    await eventually(look, NEW)


async def test_a_new_setting_can_be_used_in_another_process_at_once(here: Api, other: Api) -> None:
    await here.get("/api/leads")
    await other.lead()
    status, category, member = await other.status(), await other.category(), await other.member()

    lead = await here.lead(lead_status=status["id"], lead_categoryid=category["id"])
    assigned = await here.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [member["id"]]})

    assert assigned.status_code == 200
    assert labels(assigned.json()["data"]) == OLD


async def test_a_lead_with_a_setting_that_is_new_here_shows_it(here: Api, other: Api) -> None:
    await here.lead()

    lead, *_ = await furnished(other)

    (listed, _) = (await here.get("/api/leads")).json()["data"]
    assert labels(await here.shown(lead["id"])) == labels(listed) == OLD


async def test_what_was_deleted_is_refused_in_another_process_within_the_seconds(here: Api, other: Api) -> None:
    lead, status = await here.lead(), await here.status()
    member = await here.member()
    assert (await other.put(f"/api/leads/{lead['id']}/status", {"status": status["id"]})).status_code == 200
    await here.put(f"/api/leads/{lead['id']}/status", {"status": 1})

    await here.delete(f"/api/lead-statuses/{status['id']}")
    await here.patch(f"/api/team/{member['id']}", {"status": "suspended"})

    async def look() -> list[int]:
        bodies = {"status": {"status": status["id"]}, "assigned": {"assigned": [member["id"]]}}
        return [(await other.put(f"/api/leads/{lead['id']}/{name}", body)).status_code for name, body in bodies.items()]

    await eventually(look, [422, 422])


async def test_a_lead_that_came_to_a_deleted_status_in_a_race_still_shows_its_title(here: Api, other: Api) -> None:
    status, lead = await here.status(), await here.lead()
    await other.delete(f"/api/lead-statuses/{status['id']}")

    # Of this deletion, the long memory of this process knows nothing.
    answer = await here.put(f"/api/leads/{lead['id']}/status", {"status": status["id"]})

    assert answer.status_code == 200
    for api in (here, other):
        shown = await api.shown(lead["id"])
        assert shown["status"] == {"id": status["id"], "title": "Negotiation", "color": "default"}


async def test_custom_fields_come_and_go_in_another_process_within_the_seconds(here: Api, other: Api) -> None:
    lead = await other.lead()
    field = await here.custom_field("colour")

    async def look() -> object:
        return (await other.shown(lead["id"]))["custom_fields"]

    async def refused() -> int:
        return (await other.patch(f"/api/leads/{lead['id']}", {"colour": "red"})).status_code

    await eventually(look, {"colour": None})
    await eventually(refused, 200)
    await here.patch(f"/api/custom-fields/{field['id']}", {"is_enabled": False})
    await eventually(look, {})
    await eventually(refused, 422)


async def test_a_members_present_name_is_on_what_they_wrote_in_every_process(here: Api, other: Api) -> None:
    lead = await here.lead()
    await other.comment(lead["id"])

    await here.patch("/api/team/1", {"first_name": "Root", "last_name": "Admin"})

    async def look() -> str:
        (comment,) = (await other.get(f"/api/leads/{lead['id']}/comments")).json()["data"]
        name: str = comment["creator"]["name"]
        return name

    (mine,) = (await here.get(f"/api/leads/{lead['id']}/comments")).json()["data"]
    assert mine["creator"] == {"id": 1, "name": "Root Admin"}
    await eventually(look, "Root Admin")
