"""A lead that is locked delays nobody but those who change it (contract, "Convert", "Delete")."""

from asyncio import create_task, gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from leads_api.mongo.client import Database, start_session
from leads_api.mongo.concurrency import TRANSACTIONS_AT_ONCE
from leads_api.mongo.transaction_runs import Run, begin
from tests.client import Api, Json
from tests.conftest import Serve
from tests.wire.process import until

ROUNDS = 300
TOGETHER = 10
"""Rounds that run at a time."""


@asynccontextmanager
async def locked(database: Database, lead: Json) -> AsyncIterator[None]:
    """Lock a lead by an open transaction for the length of the block."""
    session = await start_session(database.client)
    try:
        await begin(session)
        await database["leads"].update_one({"_id": lead["id"]}, {"$inc": {"held": 1}}, session=session)
        yield
        await session.abort_transaction()
    finally:
        await session.end_session()


def wish(number: int) -> Json:
    return {"first_name": "Jane", "last_name": "Doe", "email": f"{number}@acme.example"}


async def test_three_hundred_conversions_beside_deletions_of_a_locked_lead_wait_for_none_of_them(
    serve: Serve, database: Database
) -> None:
    async with serve(request_timeout=60.0) as api:
        lead = await api.lead()
        others = await gather(*(api.lead() for _ in range(ROUNDS)))
        async with locked(database, lead):
            deletions = [create_task(api.delete(f"/api/leads/{lead['id']}")) for _ in range(TRANSACTIONS_AT_ONCE)]
            statuses: list[int] = []
            for first in range(0, ROUNDS, TOGETHER):
                deletions += [create_task(api.delete(f"/api/leads/{lead['id']}")) for _ in range(TOGETHER)]
                answers = await gather(
                    *(
                        api.post(f"/api/leads/{other['id']}/convert", wish(other["id"]))
                        for other in others[first : first + TOGETHER]
                    )
                )
                statuses += [answer.status_code for answer in answers]
            ended = [deletion.result().status_code for deletion in deletions if deletion.done()]

        answers = await gather(*deletions)

    assert statuses == [201] * ROUNDS
    assert set(ended) <= {503}, "refused at once, because those before take too long"
    assert len(ended) < len(deletions), "some still wait"
    assert {answer.status_code for answer in answers} <= {200, 404, 503}


@pytest.mark.parametrize("path", ["clone", "checklists", "comments"])
async def test_other_changes_of_a_locked_lead_keep_no_turn_either(api: Api, database: Database, path: str) -> None:
    lead, other = await api.lead(), await api.lead()
    calls: dict[str, tuple[str, Json]] = {
        "clone": (f"/api/leads/{lead['id']}/clone", {"lead_title": "Two", "lead_status": 1}),
        "checklists": (
            "/api/checklists",
            {"checklistresource_type": "lead", "checklistresource_id": lead["id"], "checklist_text": "Call"},
        ),
        "comments": (f"/api/leads/{lead['id']}/comments", {"comment": "Called."}),
    }
    async with locked(database, lead):
        waiting = [create_task(api.post(*calls[path])) for _ in range(2 * TRANSACTIONS_AT_ONCE)]
        converted = await api.post(f"/api/leads/{other['id']}/convert", wish(1))
        still = [task for task in waiting if not task.done()]
    await gather(*waiting)

    assert converted.status_code == 201
    assert path == "clone" or still  # a clone only reads the lead


async def test_of_callers_who_give_up_while_a_lead_is_locked_nothing_is_done_later(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await api.lead()
    trying: set[Any] = set()
    real = Run._try

    async def followed(run: Run[Any], session: Any) -> Any:
        trying.add(run)
        try:
            return await real(run, session)
        finally:
            trying.discard(run)

    async def idle() -> bool:
        return not trying

    monkeypatch.setattr(Run, "_try", followed)
    async with locked(database, lead):
        deletions = [create_task(api.delete(f"/api/leads/{lead['id']}")) for _ in range(20)]
        await api.shown(lead["id"])
        for deletion in deletions:
            deletion.cancel()
        await gather(*deletions, return_exceptions=True)
        await until(idle, "tries that have begun end")
    changed = await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["still there"]})

    assert changed.status_code == 200
    assert (await api.shown(lead["id"]))["tags"] == ["still there"]
