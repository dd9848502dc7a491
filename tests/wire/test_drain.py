"""The drain: a gateway notices an end before callers do (contract, section 5, "Health")."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.asgi import create_app
from leads_api.server import http, protocol
from leads_api.settings import Settings
from tests.client import KEY
from tests.wire.process import SECONDS, Service, running, until
from tests.wire.server.raw import Connection, connect

LONG = "250"
"""LEADS_DRAIN_SECONDS of services whose drain must not be waited for. Longer than any test may take."""
MORE = 100.0
"""What an end may be late on a busy machine."""
LIVE = b"GET /health/live HTTP/1.1\r\nHost: leads.test\r\n\r\n"

BY_KEY = {"Authorization": f"Bearer {KEY}"}

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


async def asked(service: Service, path: str) -> httpx.Response:
    """Send a request over a connection of its own."""
    async with httpx.AsyncClient(base_url=service.url, timeout=SECONDS, headers=BY_KEY) as fresh:
        return await fresh.get(path)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def refuses(url: str) -> bool:
    """Tell whether nobody listens any more."""
    try:
        async with connected(url):
            return False
    except ConnectionError:
        return True


async def draining(service: Service) -> None:
    """Send SIGTERM, and wait until every process has noticed."""
    service.process.send_signal(signal.SIGTERM)
    await not_ready(service)


async def not_ready(service: Service) -> None:
    """Wait until no process is ready."""

    async def noticed() -> bool:
        answers = [await asked(service, "/health/ready") for _ in range(10)]
        return {answer.status_code for answer in answers} == {503}

    await until(noticed, "not ready")


@WORKERS
async def test_after_sigterm_it_is_not_ready_but_serves_old_and_new_connections_and_closes_each(
    tmp_path: Path, server_uri: str, workers: str
) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": LONG}
    async with running(tmp_path, "--workers", workers, given=given) as service, connected(service.url) as kept:
        await kept.send(LIVE)
        before = await kept.answer()
        await draining(service)

        new = await asked(service, "/api/lead-statuses")
        unknown = await asked(service, "/nowhere")
        ready = await asked(service, "/health/ready")
        await kept.send(LIVE)
        old = await kept.answer()
        end = await kept.answer()

        began = monotonic()
        await service.end(signal.SIGTERM)  # the second one
        seconds = monotonic() - began

    assert before is not None
    assert old is not None
    assert "connection" not in before.headers
    assert [new.status_code, unknown.status_code, ready.status_code, old.status] == [200, 404, 503, 200]
    assert ready.json() == {"message": "The service is shutting down."}
    assert {new.headers["connection"], unknown.headers["connection"], ready.headers["connection"]} == {"close"}
    assert old.headers["connection"] == "close"
    assert end is None
    assert seconds < MORE
    assert "Traceback" not in service.log


async def test_workers_that_an_init_system_signals_as_well_go_on_draining(tmp_path: Path, server_uri: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": LONG}
    async with running(tmp_path, "--workers", "2", given=given) as service:
        os.killpg(service.process.pid, signal.SIGTERM)  # as systemd does: the parent and its workers
        await not_ready(service)

        answers = [await asked(service, "/api/lead-statuses") for _ in range(20)]

        assert await service.end(signal.SIGINT) == 0

    assert {answer.status_code for answer in answers} == {200}


async def test_a_refused_caller_that_keeps_its_connection_does_not_disturb_the_end(
    tmp_path: Path, server_uri: str
) -> None:
    async with running(tmp_path, LEADS_MONGODB_URI=server_uri) as service, connected(service.url) as kept:
        await kept.send(b"POST /api/leads HTTP/1.1\r\nHost: leads.test\r\nContent-Length: 100\r\n\r\n{}")
        refused = await kept.answer()

        assert await service.end(signal.SIGTERM) == 0

    assert refused is not None
    assert refused.status == 401
    assert "Traceback" not in service.log
    assert "Exception" not in service.log


async def test_an_idle_connection_stays_until_the_drain_is_over(tmp_path: Path, server_uri: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": LONG}
    async with running(tmp_path, given=given) as service, connected(service.url) as kept:
        await kept.send(LIVE)
        await kept.answer()
        await draining(service)

        assert not kept.reader.at_eof()

        service.process.send_signal(signal.SIGINT)
        assert await kept.answer() is None
        await service.ended()


async def test_the_drain_ends_by_itself(tmp_path: Path, server_uri: str) -> None:
    async with running(tmp_path, LEADS_MONGODB_URI=server_uri, LEADS_DRAIN_SECONDS="1.5") as service:
        began = monotonic()

        assert await service.end(signal.SIGTERM) == 0

        assert monotonic() - began > 1.5


@WORKERS
async def test_ctrl_c_ends_without_a_drain(tmp_path: Path, server_uri: str, workers: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": LONG}
    async with running(tmp_path, "--workers", workers, given=given) as service:
        began = monotonic()

        assert await service.end(signal.SIGINT) == 0

        assert monotonic() - began < MORE


async def test_workers_whose_parent_is_killed_do_not_drain(tmp_path: Path, server_uri: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": LONG}
    async with running(tmp_path, "--workers", "2", given=given) as service:
        service.process.send_signal(signal.SIGKILL)
        await service.ended()

        await until(lambda: refuses(service.url), "the end of the workers", MORE)


async def test_a_worker_that_ends_alone_leaves_the_port_to_the_others(tmp_path: Path, server_uri: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_DRAIN_SECONDS": "0.1"}
    async with running(tmp_path, "--workers", "2", given=given) as service:
        await until(lambda: has_started(service, 2), "two workers")
        for number in (3, 4):
            first = next(line for line in started_workers(service) if line in service.children())
            os.kill(first, signal.SIGTERM)
            await until(lambda number=number: has_started(service, number), "a new worker")  # type: ignore[misc]

            assert {(await asked(service, "/health/live")).status_code for _ in range(10)} == {200}


def started_workers(service: Service) -> list[int]:
    """Return the processes of all workers that have ever begun."""
    message = "Started server process ["
    return [
        int(line["message"].removeprefix(message).rstrip("]"))
        for line in service.lines
        if line["message"].startswith(message)
    ]


async def has_started(service: Service, count: int) -> bool:
    return [line["message"] for line in service.lines].count("Application startup complete.") >= count


async def test_no_connection_that_was_opened_is_lost_when_it_stops_listening(tmp_path: Path, server_uri: str) -> None:
    """Callers open connections as fast as they can. Each is answered, or refused before anything was sent."""
    ends: Counter[str] = Counter()

    async def call(service: Service) -> None:
        while not ends["refused"]:
            try:
                connection = await connect(service.url)
            except ConnectionRefusedError:
                ends["refused"] += 1
                return
            ends[await outcome(connection)] += 1

    async with running(tmp_path, LEADS_MONGODB_URI=server_uri, LEADS_DRAIN_SECONDS="0.5") as service:
        service.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(call(service) for _ in range(16)))
        await service.ended()

    assert set(ends) == {"answered", "refused"}


async def outcome(connection: Connection) -> str:
    try:
        connection.writer.write(LIVE)
        return "answered" if await connection.answer() else "closed"
    except ConnectionError as error:
        return type(error).__name__
    finally:
        await connection.close()


async def test_a_request_that_is_arriving_when_it_stops_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "FIRST_SECONDS", SECONDS)
    with http.listen("127.0.0.1", 0) as listener:
        url = http.url_of(listener)
        server = http.Server(create_app(Settings(), mongo=AsyncMongoMockClient()), listener)
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(server.answering.wait)
        async with connected(url) as new, connected(url) as half:
            await half.send(LIVE[:20])

            server.should_exit = True
            await until(lambda: refuses(url), "the end of listening")
            await new.send(LIVE)
            await half.send(LIVE[20:])
            answers = [await new.answer(), await half.answer()]
            await serving

    assert [answer and answer.status for answer in answers] == [200, 200]
