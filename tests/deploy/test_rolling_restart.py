"""Two instances behind the gateway are restarted in turn, under load: no request fails (contract, section 5).

`LEADS_TEST_ROLLING=20000/10` sends that many requests, over that many restarts of each instance.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY, Api
from tests.deploy.conftest import calling
from tests.deploy.gateways import OpenGateway
from tests.wire.process import Service, free_port, running

REQUESTS, RESTARTS = (int(number) for number in os.environ.get("LEADS_TEST_ROLLING", "300/1").split("/"))
CALLERS = 12
SETTINGS = {"LEADS_DRAIN_SECONDS": "5", "LEADS_REQUEST_TIMEOUT": "30"}
"""The default drain, and patience: that the machine is busy is no fault."""


@pytest.fixture
async def given(server_uri: str, wire_client: Client) -> AsyncIterator[dict[str, str]]:
    name = f"rolling_{uuid4().hex[:20]}"
    yield {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name, **SETTINGS}
    await wire_client.drop_database(name)


class Load:
    """Callers that create, read, change and delete leads of their own, each over one kept connection."""

    def __init__(self, gateway: int) -> None:
        self._gateway = gateway
        self._restarted = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        self.kept: dict[str, int] = {}
        """The ids of the leads that were not deleted, by title."""

    @property
    def sent(self) -> int:
        return self.outcomes.total()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(self._call(number))

    def end(self) -> None:
        """Let every caller finish what it has begun, as soon as enough was sent."""
        self._restarted.set()

    async def _call(self, caller: int) -> None:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._gateway}", headers={"Authorization": f"Bearer {KEY}"}, timeout=30
        ) as http:
            number = 0
            while self.sent < REQUESTS or not self._restarted.is_set():
                number += 1
                await self._one_life(http, f"Caller {caller}, lead {number}", keep=number % 8 == 0)

    async def _one_life(self, http: httpx.AsyncClient, title: str, *, keep: bool) -> None:
        made = await self._send(http, "POST", "/api/leads", lead_title=title, lead_status=1, lead_categoryid=3)
        if made is None:
            return
        path = f"/api/leads/{made['id']}"
        await self._send(http, "GET", path)
        await self._send(http, "PATCH", path, lead_value="12.50")
        changed = await self._send(http, "PUT", f"{path}/tags", tags=["seen"])
        if changed is not None and changed["version"] != 3:
            self.outcomes["changed twice"] += 1
        if keep:
            self.kept[title] = made["id"]
        else:
            await self._send(http, "DELETE", path)

    async def _send(self, http: httpx.AsyncClient, method: str, path: str, **body: Any) -> Any:
        try:
            answer = await http.request(method, path, json=body or None)
        except httpx.HTTPError as error:
            self.outcomes[f"{method}: {type(error).__name__}"] += 1
            return None
        done = answer.status_code == {"POST": 201}.get(method, 200)
        self.outcomes["done" if done else f"{method}: {answer.status_code} {answer.text[:100]}"] += 1
        return answer.json()["data"] if done else None


async def restart(service: Service, folder: Path, workers: str, given: dict[str, str]) -> Service:
    """Restart an instance on its port, as an orchestrator does: the next one waits until this one is ready."""
    await service.end(signal.SIGTERM)
    again = Service(folder, "--workers", workers, port=service.port, given=given)
    await service.http.aclose()
    await again.until(200)
    return again


@pytest.mark.parametrize(
    ("open_gateway", "workers"), [("nginx", "1"), ("nginx", "2"), ("haproxy", "1")], indirect=["open_gateway"]
)
async def test_no_request_fails_over_a_rolling_restart_and_each_is_done_once(
    open_gateway: OpenGateway, given: dict[str, str], tmp_path: Path, workers: str
) -> None:
    ports = [free_port(), free_port()]
    async with (
        running(tmp_path, "--workers", workers, port=ports[0], given=given) as first,
        running(tmp_path, "--workers", workers, port=ports[1], given=given) as second,
    ):
        services = [first, second]
        with open_gateway(*ports, GATEWAY_UPSTREAM_TIMEOUT="60s") as gateway:
            load = Load(gateway)
            running_load = asyncio.create_task(load.run())
            try:
                for _ in range(RESTARTS):
                    for number in (0, 1):
                        services[number] = await restart(services[number], tmp_path, workers, given)
                load.end()
                await running_load
                async with calling(gateway) as http:
                    found = await titles(Api(http))
            finally:
                running_load.cancel()
                for service in services:
                    await service.close()

    sys.stdout.write(f"{load.sent} requests over {RESTARTS} rolling restarts of two instances: {load.outcomes}\n")
    assert set(load.outcomes) == {"done"}
    assert found == load.kept


async def titles(api: Api) -> dict[str, int]:
    """Return the ids of all leads by title; a title that is there twice fails."""
    found: dict[str, int] = {}
    cursor: str | None = "*"
    while cursor:
        page = (await api.get("/api/leads", cursor=cursor, limit=100)).json()
        for lead in page["data"]:
            assert lead["title"] not in found
            found[lead["title"]] = lead["id"]
        cursor = page["meta"]["next_cursor"]
    return found
