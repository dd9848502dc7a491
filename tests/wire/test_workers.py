"""`leads serve --workers 2`: several processes behind one port (contract, section 6)."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY
from tests.wire.process import SECONDS, Service, environment, running, started, until

FAILING = """
import multiprocessing, os, signal, sys
from leads_api.server import http

async def never_started(scope, receive, send):
    raise RuntimeError

def make():
    if multiprocessing.parent_process() is not None:
        print("start", flush=True)
        FAILURE
    return never_started

if __name__ == "__main__":
    with http.listen("127.0.0.1", 0) as listener:
        http.run(make, listener, workers=2, drain_seconds=0, grace_seconds=1)
"""

BY_KEY = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
async def service(tmp_path: Path, server_uri: str, wire_client: Client) -> AsyncIterator[Service]:
    name = f"workers_{uuid4().hex[:20]}"
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name}
    async with running(tmp_path, "--workers", "2", given=given) as service:
        await until(lambda: two_started(service), "two workers")
        yield service
    await wire_client.drop_database(name)


async def two_started(service: Service) -> bool:
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


@pytest.mark.parametrize(
    ("failure", "most"),
    [
        ("raise RuntimeError", 2),
        ("pass", 2),  # the lifespan fails
        ("os._exit(7)", 2),
        ("os.kill(os.getpid(), signal.SIGKILL)", 7),
    ],
)
async def test_workers_that_cannot_start_are_not_started_for_ever(tmp_path: Path, failure: str, most: int) -> None:
    script = tmp_path / "service.py"
    script.write_text(FAILING.replace("FAILURE", failure))

    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(script)],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert 1 <= done.stdout.count("start") <= most
    assert "the service stops" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_start_that_fails_is_one_line_however_many_workers(
    tmp_path: Path, server_uri: str, workers: str
) -> None:
    given = {"LEADS_MONGODB_URI": f"{server_uri}&tls=ture", "LEADS_MAIL_FROM": "Acme <crm@a'b.example>"}

    async with started(tmp_path, "--workers", workers, given=given) as service:
        assert await service.ended() == 1

    assert service.log.startswith("leads: LEADS_M")
    assert service.log.count("\n") == 1


async def test_workers_have_the_settings_of_their_parent(tmp_path: Path, server_uri: str, wire_client: Client) -> None:
    name = f"workers_{uuid4().hex[:20]}"
    once = tmp_path / "key"
    os.mkfifo(once)  # what can be read only once
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name, "LEADS_API_KEY": ""}

    async with started(tmp_path, "--workers", "2", given=given, LEADS_API_KEY_FILE=str(once)) as service:
        await asyncio.to_thread(once.write_text, f"{KEY}\n")
        await service.until(200)
        await until(lambda: two_started(service), "two workers")
        for worker in workers(service):
            with stopped(worker):
                assert (await asked(service, "GET", "/api/leads")).status_code == 200

    await wire_client.drop_database(name)
