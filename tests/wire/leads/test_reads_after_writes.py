"""A read that begins after a write was acknowledged sees it, with whomever it shares its call, on a real server."""

from asyncio import create_task, gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.client import Api, Json
from tests.simulators.relay import Relay

LISTS = pytest.mark.parametrize("query", [{}, {"source": "fair"}, {"search": "acme"}], ids=["all", "source", "search"])


@asynccontextmanager
async def crowd(api: Api, path: str, query: Json) -> AsyncIterator[None]:
    """Let twenty readers ask the same again and again."""
    goes_on = True

    async def read_on() -> None:
        while goes_on:
            answer = await api.get(path, **query)
            assert answer.status_code == 200

    readers = [create_task(read_on()) for _ in range(20)]
    try:
        yield
    finally:
        goes_on = False
        await gather(*readers)


async def test_a_writer_sees_its_change_of_a_lead_that_others_read(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"

    async with crowd(api, path, {}):
        for number in range(40):
            written = await api.patch(path, {"lead_title": f"Lead {number}"})
            read = await api.get(path)
            assert read.json()["data"] == written.json()["data"]
            assert read.json()["data"]["title"] == f"Lead {number}"


@LISTS
async def test_a_writer_sees_its_new_lead_in_a_list_that_others_read(api: Api, query: Json) -> None:
    async with crowd(api, "/api/leads", query):
        for number in range(1, 31):
            lead = await api.lead(lead_source="fair")
            listed = (await api.get("/api/leads", **query)).json()
            assert lead in listed["data"]
            assert listed["meta"]["total"] == number


async def test_a_read_does_not_join_one_that_was_sent_before_the_write(relayed_api: Api, relay: Relay) -> None:
    path = f"/api/leads/{(await relayed_api.lead(lead_source='shop'))['id']}"

    with relay.holding("find", "leads") as finds:
        before = create_task(relayed_api.get(path))
        await finds.came(1)
        written = await relayed_api.patch(path, {"lead_source": "fair"})
        after = create_task(relayed_api.get(path))
        await relayed_api.get("/api/clients")  # longer than it takes to ask

    assert (await before).json()["data"]["source"] == "shop"
    assert (await after).json()["data"] == written.json()["data"]


@LISTS
async def test_a_list_does_not_join_one_that_was_asked_for_before_the_write(
    relayed_api: Api, relay: Relay, query: Json
) -> None:
    await relayed_api.lead(lead_source="fair")  # else there is nothing to find, and no find

    with relay.holding("find", "leads") as finds:
        before = create_task(relayed_api.get("/api/leads", **query))
        await finds.came(1)
        lead = await relayed_api.lead(lead_source="fair")
        after = create_task(relayed_api.get("/api/leads", **query))
        await relayed_api.get("/api/clients")

    assert lead not in (await before).json()["data"]
    assert lead in (await after).json()["data"]
