"""`leads bench`: a quick look at a running service."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from leads_api.mongo.client import Client, Database
from tests.client import KEY
from tests.wire.process import SECONDS, Service, begun, free_port, hanging, leads, running, until


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    name = f"bench_{uuid4().hex[:20]}"
    yield wire_client[name]
    await wire_client.drop_database(name)


@pytest.fixture
async def service(tmp_path: Path, server_uri: str, database: Database) -> AsyncIterator[Service]:
    async with running(tmp_path, LEADS_MONGODB_URI=server_uri, LEADS_MONGODB_DATABASE=database.name) as service:
        yield service


async def test_reads_are_measured_and_nothing_is_changed(service: Service, database: Database) -> None:
    await service.api.lead()
    before = [lead async for lead in database["leads"].find()]

    done = await leads(
        "bench", "--url", service.url, "--seconds", "1", "--connections", "2", "--json", LEADS_API_KEY=KEY
    )

    assert done.returncode == 0, done.stderr
    measured = {each["operation"]: each for each in json.loads(done.stdout)}
    assert list(measured) == ["answer at all", "get a lead", "list leads", "search leads"]
    for each in measured.values():
        assert each["requests"] > 0
        assert each["errors"] == 0
        assert 0 < each["median"] <= each["p95"] <= each["p99"]
    assert [lead async for lead in database["leads"].find()] == before


async def test_leads_that_are_created_are_deleted_again(service: Service, database: Database) -> None:
    done = await leads(
        "bench", "--url", service.url, "--seconds", "1", "--connections", "2", "--writes", LEADS_API_KEY=KEY
    )

    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split()[0] == "OPERATION"
    assert [row.partition("  ")[0] for row in rows] == ["answer at all", "list leads", "search leads", "create a lead"]
    assert await database["leads"].count_documents({}) == 0
    counter = await database["counters"].find_one({"_id": "leads"})
    assert counter is not None  # ids were taken, so leads were created


@pytest.fixture
def creating(service: Service) -> Iterator[subprocess.Popen[str]]:
    """A bench that goes on, until a test ends it."""
    options = ["--seconds", "3", "--connections", "2", "--writes"]
    with begun("bench", "--url", service.url, *options, LEADS_API_KEY=KEY) as process:
        yield process
        process.kill()


async def created(database: Database) -> None:
    """Wait until there is a lead."""

    async def some() -> bool:
        return await database["leads"].count_documents({}) > 0

    await until(some, "leads are created")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_leads_that_are_created_are_deleted_though_it_is_interrupted(
    creating: subprocess.Popen[str], database: Database, number: signal.Signals
) -> None:
    await created(database)
    creating.send_signal(number)
    out, told = await asyncio.to_thread(creating.communicate, timeout=SECONDS)

    assert (creating.returncode, out) == (128 + number, "")
    assert told == "The leads that were created are being deleted. Interrupt again to leave them.\n"
    assert await database["leads"].count_documents({}) == 0


async def test_leads_that_cannot_be_deleted_are_told(
    creating: subprocess.Popen[str], service: Service, database: Database
) -> None:
    await created(database)
    service.process.kill()
    creating.send_signal(signal.SIGINT)
    _, told = await asyncio.to_thread(creating.communicate, timeout=SECONDS)

    assert creating.returncode == 130
    source = (await database["leads"].find_one({}))["source"]  # type: ignore[index]
    assert source.startswith("leads bench ")
    assert f"leads are left. Find them by GET /api/leads?source={source.replace(' ', '%20')}" in told


async def test_a_second_interruption_ends_it_at_once(
    creating: subprocess.Popen[str], service: Service, database: Database
) -> None:
    await created(database)
    with hanging(service.process.pid):
        creating.send_signal(signal.SIGINT)
        assert creating.stderr is not None
        assert "Interrupt again" in await asyncio.to_thread(creating.stderr.readline)
        creating.send_signal(signal.SIGINT)
        _, told = await asyncio.to_thread(creating.communicate, timeout=SECONDS)

    assert creating.returncode == 130
    assert "leads are left" in told


async def test_a_service_that_is_not_there_or_refuses_the_key_is_told_in_one_line(service: Service) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    away = await leads("bench", "--url", nobody, LEADS_API_KEY=KEY)
    refused = await leads("bench", "--url", service.url, LEADS_API_KEY="x" * 32)

    assert (away.returncode, away.stdout, away.stderr.count("\n")) == (1, "", 1)
    assert away.stderr.startswith(f"leads: {nobody} does not answer")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "401. Unauthorized. A valid API key is required" in refused.stderr


async def test_without_a_key_it_says_where_to_get_one(tmp_path: Path) -> None:
    done = await leads("bench", LEADS_DATA_DIR=str(tmp_path))

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "LEADS_API_KEY" in done.stderr
