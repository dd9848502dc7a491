"""The end of a service (app/leads_api/lifespan.py)."""

import asyncio
import logging
from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api import lifespan
from leads_api.http.health import Readiness
from leads_api.lifespan import Lifespan


async def test_what_never_ends_does_not_hold_the_end_and_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifespan, "END_SECONDS", 0.1)
    client: Any = AsyncMongoMockClient()
    never, drained = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        drained.set()
        await never.wait()

    async def answers() -> None:
        return None

    life = Lifespan(
        client=client,
        owns_client=False,
        database=client["leads"],
        drains=(hangs,),
        readiness=Readiness(answers),
        sender=None,
        relay=answers,
        event_days=7,
        webhooks=None,
        sweeps=(),
    )

    with caplog.at_level(logging.WARNING, "leads.lifespan"):
        async with asyncio.timeout(10):
            async with life():
                assert life.readiness.set_up

    assert drained.is_set()
    assert life.readiness.ended
    assert "is abandoned" in caplog.text
