"""Writes that share a transaction (app/leads_api/mongo/sharing.py)."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from pymongo import AsyncMongoClient

from leads_api.mongo import sharing
from leads_api.mongo.client import deadline, until
from leads_api.mongo.sharing import Shared, Sharing, Write
from leads_api.mongo.transaction import Transact


async def test_a_shared_transaction_ends_before_any_caller_is_told_that_it_was_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is sent later would be written for a caller who was told 503."""
    monkeypatch.setattr(sharing, "FEW", 0)
    lates: dict[int, float] = {}
    transactions: list[tuple[list[int], float]] = []

    async def transact(work: Any, *, records: Sequence[tuple[str, int]], **_: object) -> Sequence[int]:
        transactions.append(([record for _, record in records], until()))
        return cast("Sequence[int]", await work(None))

    def share(writes: Sequence[Write]) -> Shared[int]:
        async def work(_: object) -> Sequence[int]:
            return [int(write.record[1]) for write in writes]

        return work, cast("Any", None)

    async def alone(write: Write) -> int:
        return int(write.record[1])

    client: Any = AsyncMongoClient(connect=False)
    write_one = Sharing[Write, int](client, cast("Transact", transact), share=share, alone=alone, queue="other")

    async def call(record: int, seconds: float) -> int:
        with deadline(seconds):
            lates[record] = until()
            return await write_one(Write(("leads", record)))

    answers = await asyncio.gather(call(1, 35), call(2, 30), call(3, 20), call(4, 100))

    assert list(answers) == [1, 2, 3, 4]
    assert [records for records, _ in transactions] == [[1, 2, 3]]
    assert transactions[0][1] == pytest.approx(lates[3])
