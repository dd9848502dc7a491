"""Concurrent calls about one external id: one lead has it, nothing of a refused call is left (contract, section 5)."""

import asyncio
from collections import Counter

import httpx

from leads_api.mongo.client import Database
from tests.client import Api, Json

BODY: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
AT = "/api/leads/by-external-id/crm-7"


async def leads_of(database: Database) -> dict[str, int]:
    """Return which lead has which external id, having compared leads and claims."""
    leads = {
        lead["folded"]["external_id"]: lead["_id"]
        async for lead in database["leads"].find({"folded.external_id": {"$exists": True}})
    }
    assert leads == {claim["_id"]: claim["lead_id"] async for claim in database["external_ids"].find({})}
    return leads


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_of_forty_concurrent_puts_one_creates_the_lead_and_the_others_change_it(
    api: Api, second: Api, database: Database
) -> None:
    answers = await asyncio.gather(
        *((api, second)[n % 2].call(("PUT", "PATCH")[n // 2 % 2], AT, BODY | {"lead_phone": str(n)}) for n in range(40))
    )

    assert statuses(answers) == {201: 1, 200: 39}
    assert sorted(answer.json()["data"]["version"] for answer in answers) == list(range(1, 41))
    ((_, lead_id),) = (await leads_of(database)).items()
    assert {answer.json()["data"]["id"] for answer in answers} == {lead_id}
    assert await database["leads"].count_documents({}) == 1


async def test_of_concurrent_puts_that_only_create_one_succeeds(api: Api, second: Api, database: Database) -> None:
    answers = await asyncio.gather(
        *((api, second)[n % 2].put(AT, BODY, headers={"If-None-Match": "*"}) for n in range(20))
    )

    assert statuses(answers) == {201: 1, 412: 19}
    assert await database["leads"].count_documents({}) == 1


async def test_of_concurrent_creates_with_one_external_id_one_succeeds(
    api: Api, second: Api, database: Database
) -> None:
    body = BODY | {"lead_external_id": "crm-7"}

    answers = await asyncio.gather(*((api, second)[n % 2].post("/api/leads", body) for n in range(20)))

    assert statuses(answers) == {201: 1, 422: 19}
    (lead_id,) = (await leads_of(database)).values()
    assert {answer.json()["lead_id"] for answer in answers if answer.status_code == 422} == {lead_id}
    assert await database["leads"].count_documents({}) == 1


async def test_of_leads_that_are_given_one_external_id_one_gets_it(api: Api, second: Api, database: Database) -> None:
    leads = [await api.lead(lead_external_id=f"old-{n}") for n in range(8)]

    answers = await asyncio.gather(
        *(
            (api, second)[n % 2].patch(f"/api/leads/{lead['id']}", {"lead_external_id": "new"})
            for n, lead in enumerate(leads)
        )
    )

    assert statuses(answers) == {200: 1, 422: 7}
    found = await leads_of(database)
    (winner,) = (answer.json()["data"]["id"] for answer in answers if answer.status_code == 200)
    assert found == {"new": winner} | {f"old-{n}": lead["id"] for n, lead in enumerate(leads) if lead["id"] != winner}


async def test_puts_among_deletions_and_moves_leave_one_lead_with_the_external_id(
    api: Api, second: Api, database: Database
) -> None:
    await api.put(AT, BODY)

    async def puts(to: Api) -> list[httpx.Response]:
        return [await to.put(AT, BODY) for _ in range(10)]

    async def takes_away(to: Api, *, deletes: bool) -> list[httpx.Response]:
        answers = []
        for number in range(10):
            shown = await to.get(AT)
            if shown.status_code == 200:
                lead = f"/api/leads/{shown.json()['data']['id']}"
                changed = {"lead_external_id": f"moved-{number}-{deletes}"}
                answers.append(await (to.delete(lead) if deletes else to.patch(lead, changed)))
        return answers

    put, also_put, deleted, moved = await asyncio.gather(
        puts(api), puts(second), takes_away(second, deletes=True), takes_away(api, deletes=False)
    )

    assert set(statuses([*put, *also_put])) <= {200, 201}
    assert set(statuses([*deleted, *moved])) <= {200, 404}
    assert (await api.put(AT, BODY)).status_code in {200, 201}
    found = await leads_of(database)
    assert (await api.get(AT)).json()["data"]["id"] == found["crm-7"]
    made = statuses([*put, *also_put])[201]
    assert await database["leads"].count_documents({}) >= 1
    assert made <= 1 + len(deleted) + len(moved)


async def test_a_claim_that_was_left_behind_is_taken_over_once(api: Api, second: Api, database: Database) -> None:
    gone = (await api.put(AT, BODY)).json()["data"]
    await database["leads"].delete_one({"_id": gone["id"]})

    answers = await asyncio.gather(*((api, second)[n % 2].put(AT, BODY) for n in range(10)))

    assert statuses(answers) == {201: 1, 200: 9}
    assert len(await leads_of(database)) == 1
    assert await database["leads"].count_documents({}) == 1
