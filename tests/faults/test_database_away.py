"""A database that is away, or hangs, or comes late, or dies (contract, sections 1, 5 and 6)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from tests.client import Json
from tests.faults.answers import (
    STALLED,
    assert_in_time,
    assert_one_reason,
    assert_unavailable,
    beside_stalled,
    ids,
    operations,
    took,
)
from tests.faults.database import Database
from tests.wire.process import SECONDS, Service, running, started

pytestmark = pytest.mark.own_database

TIMEOUT = 1.5
"""LEADS_REQUEST_TIMEOUT of most tests."""


Away = Callable[[Database], AbstractContextManager[None]]
AWAY = pytest.mark.parametrize("away", [Database.stopped, Database.hanging])


@pytest.fixture
async def service(tmp_path: Path, database: Database) -> AsyncIterator[Service]:
    """A service that remembers keys and settings, so that it is not them that every request fails for."""
    database.start()
    async with running(
        tmp_path,
        LEADS_MONGODB_URI=database.uri,
        LEADS_REQUEST_TIMEOUT=str(TIMEOUT),
        LEADS_CACHE_SECONDS="60",
        LEADS_ACCESS_LOG="yes",
    ) as service:
        yield service


@AWAY
async def test_every_endpoint_answers_503_in_time_while_the_database_is_away(
    service: Service, database: Database, away: Away
) -> None:
    every = await operations(service)
    assert (await service.api.get("/api/leads")).status_code == 200  # keys and settings are remembered now

    with away(database):
        answers = await beside_stalled(service, [service.api.call(*operation) for operation in every])

    for answer in answers:
        assert_unavailable(answer)
    assert_one_reason(service, ids(answers))
    await assert_in_time(service, ids(answers))


@AWAY
async def test_an_unknown_key_is_answered_with_503_and_not_with_401_while_nobody_can_know(
    service: Service, database: Database, away: Away
) -> None:
    headers = {"Authorization": f"Bearer lk_1_{'x' * 43}"}

    with away(database):
        answer = await service.http.get("/api/leads", headers=headers)

    assert_unavailable(answer)
    assert (await service.http.get("/api/leads", headers=headers)).status_code == 401


@AWAY
async def test_it_lives_is_not_ready_and_recovers_without_a_restart(
    service: Service, database: Database, away: Away
) -> None:
    lead = await service.api.lead()

    with away(database):
        pending = [asyncio.create_task(service.api.get(f"/api/leads/{lead['id']}")) for _ in range(20)]
        live = await service.http.get("/health/live")
        waiting = [task for task in pending if not task.done()]
        await service.until(503)
        ready = await service.http.get("/health/ready")
        await asyncio.gather(*pending)

    assert live.status_code == 200
    assert waiting or away is Database.stopped, "it was answered while the others waited for the database"
    assert_unavailable(ready)
    await service.until(200)
    assert await service.api.shown(lead["id"]) == lead
    assert (await service.api.lead())["id"] > lead["id"]


async def test_more_requests_than_the_driver_has_threads_all_end_in_time_while_the_database_hangs(
    service: Service, database: Database
) -> None:
    lead = await service.api.lead()

    with database.hanging():
        path = f"/api/leads/{lead['id']}"
        answers = await beside_stalled(service, [service.api.get(path) for _ in range(200)])

    for answer in answers:
        assert_unavailable(answer)
    await assert_in_time(service, ids(answers))
    await service.until(200)
    assert await service.api.shown(lead["id"]) == lead


async def test_the_default_timeout_is_five_seconds(tmp_path: Path, database: Database) -> None:
    database.start()
    async with running(tmp_path, LEADS_MONGODB_URI=database.uri, LEADS_ACCESS_LOG="yes") as service:
        with database.hanging():
            calls = [
                service.api.get("/api/leads"),
                service.api.post("/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}),
            ]
            answers = await beside_stalled(service, calls)

    for answer in answers:
        assert_unavailable(answer)
    await assert_in_time(service, ids(answers))
    assert min(await took(service, [STALLED, *ids(answers)])) > 2_000


async def test_readiness_is_told_at_once_while_the_database_hangs(tmp_path: Path, database: Database) -> None:
    database.start()
    async with running(tmp_path, LEADS_MONGODB_URI=database.uri, LEADS_REQUEST_TIMEOUT="60") as service:
        with database.hanging():
            waiting = asyncio.create_task(service.api.get("/api/leads"))
            await service.until(503)
            answers = await asyncio.gather(*(service.http.get("/health/ready") for _ in range(20)))
            assert not waiting.done()

        await waiting
        await service.until(200)

    for answer in answers:
        assert_unavailable(answer)
        assert answer.json() == {"message": "The database does not respond."}
    assert len([line for line in service.lines if line["message"].startswith("not ready: ")]) == 1


async def test_a_service_started_before_its_database_becomes_ready_when_that_appears(
    tmp_path: Path, database: Database
) -> None:
    async with started(tmp_path, LEADS_MONGODB_URI=database.uri, LEADS_REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        await service.until(200, "/health/live")
        ready, early = await service.http.get("/health/ready"), await service.api.get("/api/leads")

        await asyncio.to_thread(database.start)

        await service.until(200)
        assert_unavailable(ready)
        assert_unavailable(early)
        assert (await service.api.lead())["status"] == {"id": 1, "title": "New", "color": "default"}


async def test_a_service_started_while_its_database_hangs_becomes_ready_when_that_goes_on(
    tmp_path: Path, database: Database
) -> None:
    database.start()
    async with started(tmp_path, LEADS_MONGODB_URI=database.uri, LEADS_REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        with database.hanging():
            await service.until(200, "/health/live")
            assert_unavailable(await service.http.get("/health/ready"))

        await service.until(200)

        assert (await service.api.lead())["status"]["title"] == "New"


async def test_a_database_killed_under_load_loses_nothing_that_was_acknowledged(
    service: Service, database: Database
) -> None:
    leads: list[Json] = []
    clients: list[Json] = []
    commented: list[int] = []
    enough = asyncio.Event()

    async def work(number: int) -> None:
        with suppress(AssertionError):  # the answer that is no success any more
            while True:
                lead = await service.api.lead(lead_title=f"Worker {number}")
                leads.append(lead)
                await service.api.comment(lead["id"])
                commented.append(lead["id"])
                clients.append(await service.api.client(lead["id"]))
                if len(clients) >= 20:
                    enough.set()

    workers = [asyncio.create_task(work(number)) for number in range(8)]
    await asyncio.wait_for(enough.wait(), SECONDS)
    database.kill()
    await asyncio.gather(*workers)
    database.start()
    await service.until(200)

    shown = {lead["id"]: await service.api.shown(lead["id"]) for lead in leads}
    assert all(shown[lead]["comments_count"] == 1 for lead in commented)
    for client in clients:
        assert shown[client["created_from_lead_id"]]["converted"]["client_id"] == client["id"]
        assert (await service.api.get(f"/api/clients/{client['id']}")).json()["data"] == client
    ids = {lead["id"] for lead in leads}
    assert (await service.api.lead())["id"] not in ids
