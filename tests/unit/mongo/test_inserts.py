"""Inserts with idempotency keys that share a transaction (app/leads_api/mongo/inserts.py)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from leads_api.errors import Unavailable
from leads_api.mongo.client import DeadlinePassed
from leads_api.mongo.inserts import Inserts
from leads_api.mongo.recording import KeyInUse, Recording, recording


async def test_what_half_of_a_batch_has_written_is_acknowledged_if_the_other_half_comes_too_late() -> None:
    async def transact(_work: object, *, records: Sequence[tuple[str, Any]]) -> None:
        ids = [record_id for collection, record_id in records if collection == "things"]
        if len(ids) == 4:
            raise KeyInUse
        if ids[0] == 3:
            raise DeadlinePassed("transactions")

    class Things:
        name = "things"
        database: Any = type("Database", (), {"client": object()})

    things: Any = Things()
    nothing: Any = None
    insert = Inserts(things, nothing, transact)  # type: ignore[arg-type]  # the fake has one method only

    async def create(number: int) -> None:
        recording.set(pending := Recording(str(number)))
        await insert({"_id": number})
        await pending.finish({"_id": str(number)})

    outcomes = await asyncio.gather(*map(create, range(1, 5)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), DeadlinePassed, DeadlinePassed]
    assert issubclass(DeadlinePassed, Unavailable)
