"""Conversions that wait at the same moment share a transaction (app/leads_api/leads/convert.py)."""

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

Answers = list[httpx.Response]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all who come wait for the first conversion, one of whose answers is kept back, however few they are."""
    monkeypatch.setattr("leads_api.mongo.sharing.FEW", 0)
    monkeypatch.setattr("leads_api.mongo.sharing.PATIENCE_SECONDS", 30.0)


@pytest.fixture
async def leads(relayed_api: Api) -> list[Json]:
    return await gather(
        *(relayed_api.lead(lead_company_name=f"Acme {number}", lead_phone=f"{number}") for number in range(10))
    )


def convert(api: Api, lead: Json, **fields: str) -> Awaitable[httpx.Response]:
    wish = {"first_name": "Jane", "last_name": "Doe", "email": f"{lead['id']}@acme.example"}
    return api.post(f"/api/leads/{lead['id']}/convert", wish | {"send_welcome_email": "yes"} | fields)


@contextmanager
def waiting(relay: Relay) -> Iterator[Seen]:
    """Keep the answer to the first conversion's insert back until the block ends."""
    with relay.holding("insert", "clients", lambda command: len(command["documents"]) == 1) as first:
        yield first
        first.release_all()


async def begun(api: Api, first: Seen, *conversions: Awaitable[httpx.Response]) -> list[Task[httpx.Response]]:
    """Begin a conversion of another lead, and those that come while it is in progress."""
    tasks = [create_task(sent(convert(api, await api.lead())))]
    await first.came(1)
    tasks += [create_task(sent(conversion)) for conversion in conversions]
    for _ in range(3):  # each takes longer than one of the reads before a conversion
        await api.get("/health/ready")
    return tasks


async def sent(conversion: Awaitable[httpx.Response]) -> httpx.Response:
    return await conversion


async def together(api: Api, relay: Relay, *conversions: Awaitable[httpx.Response]) -> Answers:
    """Send conversions while another one is in progress; return their answers."""
    with waiting(relay) as first:
        tasks = await begun(api, first, *conversions)
        first.release_all()
        answers = await gather(*tasks)
    assert answers.pop(0).status_code == 201
    return answers


async def test_each_of_conversions_at_once_makes_the_client_of_its_lead(
    relayed_api: Api, relay: Relay, database: Database, leads: list[Json]
) -> None:
    with relay.watching("insert", "clients") as inserts, relay.watching("update", "leads") as marks:
        answers = await together(relayed_api, relay, *(convert(relayed_api, lead) for lead in leads))

    assert [len(command["documents"]) for command in inserts.commands] == [1, 10]
    assert [len(command["updates"]) for command in marks.commands] == [1, 10]
    for lead, answer in zip(leads, answers, strict=True):
        client = answer.json()["data"]
        assert (answer.status_code, client["created_from_lead_id"]) == (201, lead["id"])
        assert (client["company_name"], client["phone"]) == (
            lead["contact"]["company_name"],
            lead["contact"]["phone"],
        )
        assert (await relayed_api.get(f"/api/clients/{client['id']}")).json()["data"] == client
        after = await relayed_api.shown(lead["id"])
        assert (after["converted"]["client_id"], after["status"]["id"], after["version"]) == (client["id"], 2, 2)
        owner = await database["users"].find_one({"_id": client["owner"]["id"]})
        assert owner is not None
        assert (owner["email"], owner["client_id"]) == (f"{lead['id']}@acme.example", client["id"])
    assert await database["mails"].count_documents({}) == 11


async def test_of_conversions_at_once_those_that_cannot_be_made_are_refused_and_the_others_are_made(
    relayed_api: Api, relay: Relay, database: Database, leads: list[Json]
) -> None:
    gone, twin = leads[3], leads[5]
    await convert(relayed_api, twin, email="first@acme.example")
    await relayed_api.delete(f"/api/leads/{gone['id']}")

    answers = await together(
        relayed_api, relay,
        convert(relayed_api, leads[0]),
        convert(relayed_api, leads[1], email="same@acme.example"),
        convert(relayed_api, leads[2], email="SAME@acme.example"),
        convert(relayed_api, gone),
        convert(relayed_api, leads[4], email="first@acme.example"),
        convert(relayed_api, twin),
        convert(relayed_api, leads[6], send_welcome_email="no"),
        convert(relayed_api, leads[7], delete_lead="yes"),
    )  # fmt: skip

    codes = [answer.status_code for answer in answers]
    assert (codes[0], sorted(codes[1:3]), codes[3:]) == (201, [201, 422], [404, 422, 409, 201, 201])
    assert [list(errors(answer)) for answer in answers if answer.status_code == 422] == [["email"]] * 2
    assert await database["clients"].count_documents({}) == 1 + 1 + 4
    assert await database["users"].count_documents({"type": "client"}) == 1 + 1 + 4
    assert await database["mails"].count_documents({}) == 1 + 1 + 3
    assert await database["leads"].count_documents({"converted.is_converted": True}) == 1 + 1 + 3


async def test_a_lead_that_is_locked_does_not_hold_up_conversions_of_others(
    relayed_api: Api, relay: Relay, database: Database, leads: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await start_session(database.client)
    await begin(session)
    await database["leads"].update_one({"_id": leads[4]["id"]}, {"$inc": {"held": 1}}, session=session)

    with waiting(relay) as first:
        tasks = await begun(relayed_api, first, *(convert(relayed_api, lead) for lead in leads))
        monkeypatch.setattr("leads_api.mongo.sharing.PATIENCE_SECONDS", 0.05)
        first.release_all()
        others = await gather(*(task for number, task in enumerate(tasks) if number != 5))
        later = await convert(relayed_api, await relayed_api.lead())
        waits = not tasks[5].done()
    await session.abort_transaction()
    await session.end_session()

    assert [answer.status_code for answer in others] == [201] * 10
    assert (later.status_code, waits) == (201, True)
    assert (await tasks[5]).status_code == 201


async def test_a_lead_that_another_process_changes_in_the_middle_is_converted_as_it_is_then(
    relayed_api: Api, relay: Relay, second: Api, leads: list[Json]
) -> None:
    with waiting(relay) as first:
        tasks = await begun(relayed_api, first, *(convert(relayed_api, lead) for lead in leads))
        await second.patch(f"/api/leads/{leads[4]['id']}", {"lead_company_name": "Other Ltd."})
        first.release_all()
        answers = await gather(*tasks)

    assert [answer.status_code for answer in answers] == [201] * 11
    names = [answer.json()["data"]["company_name"] for answer in answers[1:]]
    assert names == ["Other Ltd." if number == 4 else f"Acme {number}" for number in range(10)]
    assert (await relayed_api.shown(leads[4]["id"]))["version"] == 3


async def test_callers_who_go_while_their_conversion_is_under_way_take_nobody_along(
    relayed_api: Api, relay: Relay, database: Database, leads: list[Json]
) -> None:
    with relay.holding("update", "leads", lambda command: len(command["updates"]) > 1) as marks:
        with waiting(relay) as first:
            tasks = await begun(relayed_api, first, *(convert(relayed_api, lead) for lead in leads))
        await marks.came(1)
        for task in tasks[1::2]:
            task.cancel()
        marks.release_all()
        outcomes: list[Any] = await gather(*tasks, return_exceptions=True)

    assert all(isinstance(outcome, CancelledError) for outcome in outcomes[1::2])
    assert [outcome.status_code for outcome in outcomes[::2]] == [201] * 6
    assert await database["clients"].count_documents({}) == 11
    after = await gather(*(relayed_api.shown(lead["id"]) for lead in leads))
    assert [(lead["converted"]["is_converted"], lead["version"]) for lead in after] == [(True, 2)] * 10
