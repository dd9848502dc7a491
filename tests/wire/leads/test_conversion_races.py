"""Conversions by callers at the same moment: one wins, and nothing is left of the others (contract, "Convert")."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors
from tests.simulators.relay import Relay

MANY = 40
TAKEN = {"email": ["The email has already been taken."]}


def choices(email: str, **fields: str) -> Json:
    return {"first_name": "Jane", "last_name": "Doe", "email": email, "send_welcome_email": "yes"} | fields


def statuses(answers: Iterable[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


async def leads(api: Api, count: int) -> list[int]:
    return [lead["id"] for lead in await asyncio.gather(*(api.lead() for _ in range(count)))]


async def written(database: Database) -> dict[str, int]:
    """Count what conversions have written."""
    return {
        "clients": await database["clients"].count_documents({}),
        "users": await database["users"].count_documents({"type": "client"}),
        "mails": await database["mails"].count_documents({}),
        "marked leads": await database["leads"].count_documents({"converted.is_converted": True}),
    }


ONE_OF_EACH = {"clients": 1, "users": 1, "mails": 1, "marked leads": 1}


async def _convert_one_lead(services: list[Api], database: Database) -> None:
    api = services[0]
    lead = await api.lead()

    answers = await asyncio.gather(
        *(
            services[n % len(services)].post(f"/api/leads/{lead['id']}/convert", choices(f"{n}@acme.example"))
            for n in range(MANY)
        )
    )

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    (client,) = (answer.json()["data"] for answer in answers if answer.status_code == 201)
    assert {answer.json()["client_id"] for answer in answers if answer.status_code == 409} == {client["id"]}
    assert await written(database) == ONE_OF_EACH
    after = await api.shown(lead["id"])
    assert (after["converted"]["client_id"], after["version"]) == (client["id"], 2)


async def test_of_forty_concurrent_conversions_of_one_lead_exactly_one_wins(api: Api, database: Database) -> None:
    await _convert_one_lead([api], database)


async def test_of_conversions_of_one_lead_by_two_services_exactly_one_wins(
    api: Api, second: Api, database: Database
) -> None:
    await _convert_one_lead([api, second], database)


async def _convert_onto_one_email(services: list[Api], database: Database, emails: list[str]) -> None:
    api = services[0]
    ids = await leads(api, len(emails))

    answers = await asyncio.gather(
        *(
            services[n % len(services)].post(f"/api/leads/{lead}/convert", choices(email))
            for n, (lead, email) in enumerate(zip(ids, emails, strict=True))
        )
    )

    assert statuses(answers) == {201: 1, 422: len(emails) - 1}
    assert all(errors(answer) == TAKEN for answer in answers if answer.status_code == 422)
    (client,) = (answer.json()["data"] for answer in answers if answer.status_code == 201)
    assert await written(database) == ONE_OF_EACH
    for lead in ids:
        after = await api.shown(lead)
        won = lead == client["created_from_lead_id"]
        assert (after["converted"]["is_converted"], after["status"]["id"], after["version"]) == (
            (True, 2, 2) if won else (False, 1, 1)
        )


async def test_of_forty_leads_that_are_converted_onto_one_email_exactly_one_wins(api: Api, database: Database) -> None:
    await _convert_onto_one_email([api], database, ["jane@acme.example"] * MANY)


async def test_of_leads_that_two_services_convert_onto_one_email_exactly_one_wins(
    api: Api, second: Api, database: Database
) -> None:
    await _convert_onto_one_email([api, second], database, ["jane@acme.example"] * MANY)


async def test_emails_that_differ_in_case_only_are_one(api: Api, second: Api, database: Database) -> None:
    emails = ["jane@acme.example", "JANE@acme.example", "Jane@Acme.Example", "jane@ACME.EXAMPLE"] * 3

    await _convert_onto_one_email([api, second], database, emails)


async def test_conversions_that_have_nothing_in_common_all_win(api: Api, database: Database) -> None:
    ids = await leads(api, 20)

    answers = await asyncio.gather(
        *(api.post(f"/api/leads/{lead}/convert", choices(f"{lead}@acme.example")) for lead in ids)
    )

    assert statuses(answers) == {201: 20}
    assert await written(database) == dict.fromkeys(ONE_OF_EACH, 20)


async def test_a_client_and_a_team_member_never_get_the_same_email(api: Api, second: Api, database: Database) -> None:
    for lead in await leads(api, 5):
        email = f"{lead}@acme.example"
        member = {"first_name": "Sam", "last_name": "Lee", "email": email}

        answers = await asyncio.gather(
            api.post(f"/api/leads/{lead}/convert", choices(email)), second.post("/api/team", member)
        )

        assert statuses(answers) == {201: 1, 422: 1}
        assert await database["users"].count_documents({"email": email}) == 1


async def test_a_conversion_and_a_deletion_leave_a_whole_client_or_none(
    api: Api, second: Api, database: Database
) -> None:
    for lead in await leads(api, 10):
        deleted, converted = await asyncio.gather(
            second.delete(f"/api/leads/{lead}"), api.post(f"/api/leads/{lead}/convert", choices(f"{lead}@acme.example"))
        )

        made = int(converted.status_code == 201)
        assert deleted.status_code == 200
        assert converted.status_code in {201, 404}
        assert await database["clients"].count_documents({"created_from_lead_id": lead}) == made
        assert await database["users"].count_documents({"email": f"{lead}@acme.example"}) == made
        assert await database["mails"].count_documents({"recipient": f"{lead}@acme.example"}) == made
    assert await database["leads"].count_documents({}) == 0


async def test_conversions_that_delete_the_lead_make_one_client(api: Api, second: Api, database: Database) -> None:
    lead = await api.lead()

    answers = await asyncio.gather(
        *(
            (api, second)[n % 2].post(
                f"/api/leads/{lead['id']}/convert", choices(f"{n}@acme.example", delete_lead="yes")
            )
            for n in range(10)
        )
    )

    assert statuses(answers) == {201: 1, 404: 9}
    assert await written(database) == ONE_OF_EACH | {"marked leads": 0}
    assert await database["leads"].count_documents({}) == 0


async def test_what_is_added_while_a_conversion_deletes_the_lead_leaves_no_orphan(
    api: Api, second: Api, database: Database
) -> None:
    for lead in await leads(api, 5):
        item = {"checklistresource_type": "lead", "checklistresource_id": lead, "checklist_text": "Call"}

        converted, *added = await asyncio.gather(
            api.post(f"/api/leads/{lead}/convert", choices(f"{lead}@acme.example", delete_lead="yes")),
            *(second.post("/api/checklists", item) for _ in range(3)),
            *(second.post(f"/api/leads/{lead}/comments", {"comment": "Called."}) for _ in range(3)),
        )

        assert converted.status_code == 201
        assert {answer.status_code for answer in added} <= {201, 404, 422}
        assert await database["leads"].count_documents({"_id": lead}) == 0
        assert await database["checklists"].count_documents({"lead": lead}) == 0


async def test_a_change_during_a_conversion_is_not_later_than_the_conversion(
    api: Api, relayed_api: Api, relay: Relay
) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"

    with relay.holding("insert", "users") as written:
        converting = asyncio.create_task(relayed_api.post(f"{path}/convert", choices("jane@acme.example")))
        await written.came(1)
        changed = (await api.patch(path, {"lead_phone": "1"})).json()["data"]
        written.release_all()
        answer = await converting

    assert answer.status_code == 201
    shown = await api.shown(lead["id"])
    assert (changed["version"], shown["version"]) == (2, 3)
    assert shown["dates"]["updated"] >= changed["dates"]["updated"]
    assert shown["converted"]["date"] >= changed["dates"]["updated"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
async def test_a_lead_that_changes_before_the_transaction_is_converted_as_it_is_then(
    api: Api, relayed_api: Api, relay: Relay, headers: dict[str, str]
) -> None:
    lead = await api.lead(lead_company_name="Before")
    path = f"/api/leads/{lead['id']}"

    with relay.holding("findAndModify", "counters") as ids:
        converting = asyncio.create_task(
            relayed_api.post(f"{path}/convert", choices("jane@acme.example"), headers=headers)
        )
        await ids.came(1)  # the lead has been read
        await api.patch(path, {"lead_company_name": "After"})
        ids.release_all()
        answer = await converting

    assert (answer.status_code, answer.json()["data"]["company_name"]) == (201, "After")
    shown = await api.shown(lead["id"])
    assert (shown["contact"]["company_name"], shown["version"]) == ("After", 3)
