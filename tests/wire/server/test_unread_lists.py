"""Large lists that callers do not read: what they take is bounded, and returned when they go."""

import asyncio
import json
from typing import Any

import pytest

from leads_api.memory import Memory
from leads_api.testing import LeadsService, running_service
from tests.wire.server.raw import SECONDS, Answer, connect, request, talk, until

LONG = 60_000
LEADS = 30
LIST = LEADS * LONG


async def first_refused(service: LeadsService) -> Answer:
    """Ask for the list until it is refused: the first lists that nobody reads still fit into the system's buffers."""
    async with asyncio.timeout(SECONDS):
        while True:
            (answer,) = await talk(service, request(service, "GET", "/api/leads?limit=100"))
            if answer.status != 200:
                return answer


async def test_lists_that_nobody_reads_hold_memory_until_their_callers_go(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Memory] = []

    def small() -> Memory:
        made.append(Memory(5 * LIST // 2, wait_seconds=0.1))
        return made[-1]

    monkeypatch.setattr("leads_api.asgi.Memory", small)
    body = json.dumps(
        {"lead_title": "Long", "lead_status": 1, "lead_categoryid": 3, "lead_description": "x" * LONG}
    ).encode()
    with running_service() as service:
        for _ in range(LEADS):
            await talk(service, request(service, "POST", "/api/leads", body))
        memory: Any = made[0]
        whole = memory._free

        unread = [await connect(service.url) for _ in range(2)]
        for connection in unread:
            connection.pause()
            # More than the buffers of the system take.
            await connection.send(request(service, "GET", "/api/leads?limit=100", last=False) * 20)
        refused = await first_refused(service)
        (lead,) = await talk(service, request(service, "GET", "/api/leads/1"))
        (short,) = await talk(service, request(service, "GET", "/api/leads?limit=1"))
        for connection in unread:
            await connection.close()
        await until(lambda: memory._free == whole, "the memory is returned")
        (after,) = await talk(service, request(service, "GET", "/api/leads?limit=100"))

    assert refused.status == 503
    assert refused.headers["retry-after"] == "1"
    assert [lead.status, short.status, after.status] == [200, 200, 200]
    assert len(after.body["data"]) == LEADS
