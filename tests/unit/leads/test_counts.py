"""Counting at once: one full count at a time for each filter (app/leads/listing.py)."""

import asyncio
from typing import Any

import pytest

from app.leads import listing
from app.leads.listing import Counts


class Leads:
    """A collection with many leads, whose full counts end when they are told to."""

    def __init__(self) -> None:
        self.full: list[int] = []
        self.begun = asyncio.Event()
        self.gates = {status: asyncio.Event() for status in (1, 3)}

    async def count_documents(self, query: dict[str, Any], limit: int | None = None) -> int:
        if limit is not None:
            return limit
        self.full.append(query["status"])
        self.begun.set()
        await self.gates[query["status"]].wait()
        status: int = query["status"]
        return 50_000 + status


async def test_who_asks_for_the_same_count_waits_for_it_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "EXACT_UP_TO", 10)
    leads: Any = Leads()
    counts = Counts(leads)

    same = [asyncio.create_task(counts.of({"status": 1})) for _ in range(3)]
    await leads.begun.wait()
    leads.gates[3].set()
    other = await asyncio.wait_for(counts.of({"status": 3}), 10)
    waiting = [task.done() for task in same]
    leads.gates[1].set()

    assert other == 50_003
    assert waiting == [False] * 3
    assert await asyncio.gather(*same) == [50_001] * 3
    assert leads.full == [1, 3]
