"""Changes of leads that wait at the same moment share a transaction (app/leads_api/mongo/updates.py)."""

from asyncio import CancelledError, Task, create_task, gather
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from leads_api.mongo.client import Database, start_session
from leads_api.mongo.transaction_runs import begin
from tests.client import Api, Json, errors
from tests.simulators.relay import Relay, Seen

Change = Awaitable[httpx.Response]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all who come wait for the first change, whose answer is kept back, however few they are."""
    monkeypatch.setattr("leads_api.mongo.sharing.FEW", 0)
    monkeypatch.setattr("leads_api.mongo.sharing.PATIENCE_SECONDS", 30.0)


def path(lead: Json, *rest: str) -> str:
    return "/".join([f"/api/leads/{lead['id']}", *rest])


def updated(updates: Seen) -> list[list[int]]:
    """Return the ids of the leads of each call."""
    return [[each["q"]["_id"] for each in command["updates"]] for command in updates.commands]


@contextmanager
def waiting(relay: Relay) -> Iterator[Seen]:
    """Keep the answer to changes that go alone back until the block ends."""
    with relay.holding("findAndModify", "leads") as alone:
        yield alone
        alone.release_all()


async def together(api: Api, relay: Relay, *changes: Change) -> list[httpx.Response]:
    """Send changes while another one is in progress; return their answers."""
    with waiting(relay) as alone:
        first, tasks = await _begun(api, alone, *changes)
        alone.release_all()
        assert (await first).status_code == 200
        return await gather(*tasks)


async def _begun(api: Api, alone: Seen, *changes: Change) -> tuple[Task[httpx.Response], list[Task[httpx.Response]]]:
    lead = await api.lead(lead_title="First")
    first = create_task(api.put(path(lead, "status"), {"status": 3}))
    await alone.came(1)

    async def sent(change: Change) -> httpx.Response:
        return await change

    tasks = [create_task(sent(change)) for change in changes]
    await api.get("/health/ready")  # takes longer than they take to come
    return first, tasks


async def test_a_lone_change_is_one_call(relayed_api: Api, relay: Relay) -> None:
    lead = await relayed_api.lead()

    with relay.watching("findAndModify", "leads") as alone, relay.watching("update", "leads") as updates:
        await relayed_api.put(path(lead, "status"), {"status": 3})
        await relayed_api.comment(lead["id"])

    assert (len(alone.commands), updated(updates)) == (1, [[lead["id"]]])


async def test_a_few_changes_at_once_do_not_wait_for_each_other(
    relayed_api: Api, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.mongo.sharing.FEW", 3)
    leads = await gather(*(relayed_api.lead() for _ in range(3)))

    with waiting(relay) as alone:
        changes = [create_task(_status(relayed_api, lead)) for lead in leads]
        await alone.came(3)
        alone.release_all()
        answers = await gather(*changes)

    assert [answer.json()["data"]["version"] for answer in answers] == [2] * 3


async def _status(api: Api, lead: Json) -> httpx.Response:
    return await api.put(path(lead, "status"), {"status": 3})


async def test_changes_at_once_are_far_fewer_calls_and_each_shows_its_own_lead(relayed_api: Api, relay: Relay) -> None:
    leads = await gather(*(relayed_api.lead(lead_title=f"Lead {number}") for number in range(60)))

    with relay.watching("update", "leads") as updates, relay.watching("findAndModify", "leads") as alone:
        answers = await gather(
            *(relayed_api.put(path(lead, "status"), {"status": 3 + lead["id"] % 3}) for lead in leads)
        )

    assert len(updates.commands) + len(alone.commands) < 60 / 6
    for lead, answer in zip(leads, answers, strict=True):
        shown = answer.json()["data"]
        assert (answer.status_code, shown["id"], shown["title"]) == (200, lead["id"], lead["title"])
        assert (shown["status"]["id"], shown["version"]) == (3 + lead["id"] % 3, 2)
        assert answer.headers["ETag"].startswith('"v2.')
        assert await relayed_api.shown(lead["id"]) == shown


async def test_changes_of_all_kinds_share_a_call_and_each_has_an_answer_of_its_own(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    api = relayed_api
    leads = [await api.lead(lead_external_id=f"crm-{number}" if number == 9 else None) for number in range(12)]
    await database["leads"].update_one({"_id": leads[8]["id"]}, {"$set": {"comments_count": 1_000_000}})
    gone = await api.lead()
    await api.delete(path(gone))
    right = (await api.get(path(leads[5]))).headers["ETag"]
    whole = {"lead_title": "Whole", "lead_status": 1, "lead_categoryid": 3}

    with relay.watching("update", "leads") as updates:
        answers = await together(
            api, relay,
            api.put(path(leads[0], "status"), {"status": 5}),
            api.put(path(leads[1], "tags"), {"tags": ["vip"]}),
            api.put(path(leads[2], "archive")),
            api.patch(path(leads[3]), {"lead_value": "12.50"}),
            api.put(path(leads[4]), whole),
            api.put(path(leads[5], "status"), {"status": 5}, headers={"If-Match": right}),
            api.put(path(leads[6], "status"), {"status": 5}, headers={"If-Match": '"v9.1"'}),
            api.post(path(leads[7], "comments"), {"comment": "Called."}),
            api.post(path(leads[8], "comments"), {"comment": "Called."}),
            api.put(path(leads[9]), whole | {"lead_external_id": "crm-9"}),
            api.put(path(gone, "status"), {"status": 5}),
        )  # fmt: skip

    assert sum(map(len, updated(updates))) == 11
    assert len(updates.commands) <= 3, "comments come later, because they get ids before"
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 200, 412, 201, 422, 200, 404]
    assert "comment" in errors(answers[8])
    shown = [await api.shown(lead["id"]) for lead in leads]
    assert [lead["version"] for lead in shown] == [2, 2, 2, 2, 2, 2, 1, 2, 1, 2, 1, 1]
    for number in (0, 1, 2, 3, 4, 5, 9):
        assert answers[number].json()["data"] == shown[number]
    assert (shown[0]["status"]["id"], shown[1]["tags"], shown[2]["active_state"]) == (5, ["vip"], "archived")
    assert (shown[3]["value"], shown[4]["title"], shown[7]["comments_count"]) == ("12.50", "Whole", 1)


async def test_of_changes_that_share_a_call_the_one_that_is_too_large_fails_alone(
    relayed_api: Api, relay: Relay, database: Database
) -> None:
    leads = await gather(*(relayed_api.lead() for _ in range(10)))
    blob = b"x" * (16 * 1024 * 1024 - 4000)
    await database["leads"].update_one({"_id": leads[4]["id"]}, {"$set": {"blob": blob}})
    text = "x" * 5000

    answers = await together(
        relayed_api, relay, *(relayed_api.patch(path(lead), {"lead_description": text}) for lead in leads)
    )

    # MongoDB says that it is too large, which is a 422; the embedded server has an internal error instead.
    assert answers.pop(4).status_code in {422, 503}
    assert [answer.status_code for answer in answers] == [200] * 9
    assert [answer.json()["data"]["version"] for answer in answers] == [2] * 9
    after = await gather(*(relayed_api.shown(lead["id"]) for lead in leads))
    assert [lead["version"] for lead in after] == [1 if number == 4 else 2 for number in range(10)]


async def test_a_lead_that_is_locked_does_not_hold_up_those_that_it_shares_a_call_with(
    relayed_api: Api, relay: Relay, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = await gather(*(relayed_api.lead() for _ in range(10)))
    session = await start_session(database.client)
    await begin(session)
    await database["leads"].update_one({"_id": leads[4]["id"]}, {"$inc": {"held": 1}}, session=session)

    with waiting(relay) as alone:
        changes = [relayed_api.put(path(lead, "status"), {"status": 5}) for lead in leads]
        first, tasks = await _begun(relayed_api, alone, *changes)
        monkeypatch.setattr("leads_api.mongo.sharing.PATIENCE_SECONDS", 0.05)
        alone.release_all()
        await first
        others = await gather(*(task for number, task in enumerate(tasks) if number != 4))
        later = await relayed_api.put(path(leads[0], "status"), {"status": 7})
        waits = not tasks[4].done()
    await session.abort_transaction()
    await session.end_session()

    assert [answer.status_code for answer in others] == [200] * 9
    assert (later.status_code, waits) == (200, True)
    assert (await tasks[4]).json()["data"]["version"] == 2


async def test_callers_who_go_while_their_call_is_under_way_take_nobody_along(relayed_api: Api, relay: Relay) -> None:
    leads = await gather(*(relayed_api.lead() for _ in range(20)))

    with relay.holding("update", "leads") as updates:
        with waiting(relay) as alone:
            first, tasks = await _begun(
                relayed_api, alone, *(relayed_api.put(path(lead, "status"), {"status": 5}) for lead in leads)
            )
        await first
        await updates.came(1)
        for task in tasks[::2]:
            task.cancel()
        updates.release_all()
        outcomes: list[Any] = await gather(*tasks, return_exceptions=True)

    assert len(updated(updates)[0]) == 20
    assert all(isinstance(outcome, CancelledError) for outcome in outcomes[::2])
    assert [outcome.json()["data"]["version"] for outcome in outcomes[1::2]] == [2] * 10
    after = await gather(*(relayed_api.shown(lead["id"]) for lead in leads))
    assert [(lead["status"]["id"], lead["version"]) for lead in after] == [(5, 2)] * 20
