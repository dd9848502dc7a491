"""`leads serve --workers 2`: several processes behind one port (contract, section 6)."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY
from tests.wire.process import Service, running, until

BY_KEY = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
async def service(tmp_path: Path, server_uri: str, wire_client: Client) -> AsyncIterator[Service]:
    name = f"workers_{uuid4().hex[:20]}"
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name}
    async with running(tmp_path, "--workers", "2", given=given) as service:
        await until(lambda: started(service), "two workers")
        yield service
    await wire_client.drop_database(name)


async def started(service: Service) -> bool:
    """Tell whether two workers that live have started."""
    ready = sum(line["message"] == "Application startup complete." for line in service.lines)
    return len(workers(service)) == 2 and ready >= 2


def workers(service: Service) -> list[int]:
    """Return the processes that serve: what the parent has beside them says nothing to the log."""
    told = {line["message"] for line in service.lines}
    return [child for child in service.children() if f"Started server process [{child}]" in told]


@contextmanager
def stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def asked(service: Service, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request over a connection of its own, which any worker may get."""
    async with httpx.AsyncClient(base_url=service.url, timeout=20, headers=BY_KEY) as http:
        return await http.request(method, path, **options)


async def test_each_worker_answers_on_the_one_port(service: Service) -> None:
    for worker in workers(service):
        with stopped(worker):
            answer = await asked(service, "GET", "/api/leads")

        assert answer.status_code == 200


async def test_what_one_worker_writes_the_other_reads(service: Service) -> None:
    first, second = workers(service)
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}

    with stopped(first):
        made = await asked(service, "POST", "/api/leads", json=body)
    with stopped(second):
        shown = await asked(service, "GET", made.headers["Location"])

    assert shown.json()["data"] == made.json()["data"]


async def test_a_rename_in_one_worker_shows_in_the_other_within_two_seconds(service: Service) -> None:
    first, second = workers(service)
    with stopped(second):  # the first remembers the old title
        assert (await asked(service, "GET", "/api/lead-statuses/5")).json()["data"]["title"] == "Contacted"
        body = {"lead_title": "Acme", "lead_status": 5, "lead_categoryid": 3}
        lead = (await asked(service, "POST", "/api/leads", json=body)).headers["Location"]

    with stopped(first):
        await asked(service, "PATCH", "/api/lead-statuses/5", json={"title": "Called"})
        at_once = (await asked(service, "GET", lead)).json()["data"]["status"]["title"]

    async def renamed() -> bool:
        with stopped(second):
            return bool((await asked(service, "GET", lead)).json()["data"]["status"]["title"] == "Called")

    assert at_once == "Called"
    await until(renamed, "the new title", seconds=2 + 3)


async def test_a_worker_that_is_killed_is_replaced(service: Service) -> None:
    first, second = workers(service)

    os.kill(first, signal.SIGKILL)

    async def replaced() -> bool:
        return len(set(workers(service)) - {first, second}) == 1

    await until(replaced, "a new worker")
    with stopped(second):
        assert (await asked(service, "GET", "/api/leads")).status_code == 200
