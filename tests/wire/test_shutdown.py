"""The end of a service: what runs is finished, what hangs is cut off in time (contract, section 6)."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from leads_api.server.embedded import Embedded
from tests.client import KEY
from tests.wire.process import Service, came_to_nothing, free_port, hanging, running, started

pytestmark = pytest.mark.own_database

TIMEOUT = 2.0
"""LEADS_REQUEST_TIMEOUT. An end that waits for nothing else is far shorter than the limit of `Service.end`."""

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def server(store_folder: Path) -> Iterator[Embedded]:
    with Embedded(store_folder) as server:
        yield server
        os.killpg(server._process.pid, signal.SIGKILL)  # transactions whose service has gone may hold up its end


@pytest.fixture
async def service(tmp_path: Path, server: Embedded) -> AsyncIterator[Service]:
    async with running(tmp_path, LEADS_MONGODB_URI=server.uri, LEADS_REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        yield service


class Upload:
    """A request that is sent in two parts, so that it is under way for as long as a test wants."""

    def __init__(self, title: str) -> None:
        self._body = json.dumps({"lead_title": title, "lead_status": 1, "lead_categoryid": 3}).encode()

    async def begin(self, service: Service) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", service.port)
        head = (
            f"POST /api/leads HTTP/1.1\r\nHost: leads\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + self._body[:5])
        await self._writer.drain()
        await service.until(200, "/health/live")  # it has read what was sent before

    async def finish(self) -> bytes:
        """Send the rest; return the answer."""
        self._writer.write(self._body[5:])
        await self._writer.drain()
        return await self.answer()

    async def answer(self) -> bytes:
        try:
            return await self._reader.read()
        finally:
            self._writer.close()


@SIGNALS
async def test_a_request_under_way_is_answered_and_its_write_is_there(
    service: Service, server: Embedded, tmp_path: Path, number: signal.Signals
) -> None:
    upload = Upload("Last one")
    await upload.begin(service)

    service.process.send_signal(number)
    await asyncio.sleep(0.3)  # it stops listening
    answer = await upload.finish()
    await service.ended()

    assert b" 201 " in answer.splitlines()[0]
    async with running(tmp_path / "2", LEADS_MONGODB_URI=server.uri) as again:
        leads = (await again.api.get("/api/leads")).json()["data"]
    assert [lead["title"] for lead in leads] == ["Last one"]


@SIGNALS
async def test_a_request_that_never_ends_does_not_hold_the_end(service: Service, number: signal.Signals) -> None:
    upload = Upload("Never sent")
    await upload.begin(service)

    await service.end(number)

    await upload.answer()


@SIGNALS
async def test_idle_connections_do_not_hold_the_end(service: Service, number: signal.Signals) -> None:
    assert (await service.http.get("/health/live")).headers.get("Connection") != "close"

    status = await service.end(number)

    assert status == 0
    assert "Traceback" not in service.log


@SIGNALS
async def test_a_hanging_database_does_not_hold_the_end(
    service: Service, server: Embedded, number: signal.Signals
) -> None:
    lead = await service.api.lead()

    with hanging(server._process.pid):
        pending = [asyncio.create_task(service.api.get(f"/api/leads/{lead['id']}")) for _ in range(10)]
        pending += [asyncio.create_task(service.api.post(f"/api/leads/{lead['id']}/convert", {
            "first_name": "Jane", "last_name": "Doe", "email": f"{n}@acme.example"})) for n in range(3)]  # fmt: skip
        await service.until(200, "/health/live")

        await service.end(number)

        answers = await asyncio.gather(*pending, return_exceptions=True)

    assert [answer for answer in answers if not came_to_nothing(answer)] == []


@SIGNALS
async def test_a_service_whose_database_never_came_ends_in_time(tmp_path: Path, number: signal.Signals) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"
    async with started(tmp_path, LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        await service.until(200, "/health/live")

        await service.end(number)
