"""The service inside the tests of other programs: run again and again, and under clocks that stand still."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import freezegun
import pytest
import time_machine
from litestar import Litestar
from litestar.testing import AsyncTestClient
from mongomock_motor import AsyncMongoMockClient

from leads_api.asgi import create_app
from leads_api.mongo.client import Client
from leads_api.settings import Settings
from tests.client import KEY

LEAD = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3, "lead_last_contacted": "2026-01-01"}
OWNER = {"first_name": "Jane", "last_name": "Doe"}
DATES = {"created_from": "2020-01-01", "created_to": "2030-01-01T00:00:00Z", "updated_from": "2020-01-01"}
MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
Clock = Callable[[], AbstractContextManager[Any]]

CLOCKS: dict[str, Clock] = {
    "freezegun": lambda: freezegun.freeze_time(MOMENT),
    "time-machine": lambda: time_machine.travel(MOMENT, tick=False),
}


async def use(app: Litestar) -> dict[str, Any]:
    """Run the service, and use what has to do with time; return the lead that was made."""
    async with AsyncTestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        lead = (await client.post("/api/leads", json=LEAD)).json()["data"]
        await client.post("/api/leads", json=LEAD)
        path = f"/api/leads/{lead['id']}"
        answers = [
            await client.get("/health/ready"),
            await client.get(path),
            await client.get("/api/leads", params=DATES),
            first := await client.get("/api/leads", params=DATES | {"cursor": "*", "limit": "1"}),
            await client.get("/api/leads", params=DATES | {"cursor": first.json()["meta"]["next_cursor"]}),
            await client.patch(path, json={"lead_value": 3}),
            await client.post(f"{path}/comments", json={"comment": "Called."}),
            await client.post(f"{path}/clone", json={"lead_title": "Two", "lead_status": 1}),
            await client.post(f"{path}/convert", json={**OWNER, "email": f"jane{lead['id']}@acme.example"}),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 200, 201, 201, 201]
        return dict(lead)


def in_a_loop_of_its_own(app: Litestar) -> dict[str, Any]:
    """Use the service as a test in another program does, whose loop ends with the test."""
    return asyncio.run(use(app))


@pytest.mark.parametrize("runs", [3])
async def test_an_app_of_a_module_serves_test_after_test(runs: int) -> None:
    app = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())

    leads = [await asyncio.to_thread(in_a_loop_of_its_own, app) for _ in range(runs)]

    assert len({lead["id"] for lead in leads}) == runs  # all on one database, which is the caller's


async def test_an_app_with_a_client_of_its_own_connects_anew_each_time(server_uri: str, wire_client: Client) -> None:
    name = "test_in_process"
    await wire_client.drop_database(name)
    settings = Settings(api_key=KEY, mongodb_uri=server_uri, mongodb_database=name, request_timeout=20)
    app = create_app(settings)

    leads = [await asyncio.to_thread(in_a_loop_of_its_own, app) for _ in range(2)]

    assert len({lead["id"] for lead in leads}) == 2
    await wire_client.drop_database(name)


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("made_in_it", [False, True], ids=["made before", "made in it"])
async def test_the_whole_api_works_while_the_clock_stands_still(clock: Clock, made_in_it: bool) -> None:
    with clock() if made_in_it else nullcontext():
        app = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())

    def frozen() -> dict[str, Any]:
        with clock():
            return in_a_loop_of_its_own(app)

    lead = await asyncio.to_thread(frozen)

    assert lead["dates"]["created"] == "2026-02-03T04:05:06.000000Z"
