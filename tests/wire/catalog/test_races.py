"""Settings under callers at the same moment, in two processes (contract, section 4)."""

import asyncio
from collections import Counter

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors

CALLERS = 10


async def test_of_many_creates_of_one_title_exactly_one_wins(api: Api, second: Api) -> None:
    answers = await asyncio.gather(
        *((api, second)[number % 2].post("/api/lead-statuses", {"title": "Negotiation"}) for number in range(CALLERS))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: CALLERS - 1}
    refusals = [errors(answer) for answer in answers if answer.status_code == 422]
    assert refusals == [{"title": ["The title has already been taken."]}] * (CALLERS - 1)
    assert (await api.get("/api/lead-statuses")).json()["meta"]["total"] == 7


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/categories", {"name": "Partners", "type": "lead"}, "name"),
        ("/api/team", {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"}, "email"),
        ("/api/custom-fields", {"name": "colour", "title": "Colour", "datatype": "text"}, "name"),
    ],
)
async def test_of_many_creates_in_any_case_exactly_one_wins(
    api: Api, second: Api, path: str, body: Json, field: str
) -> None:
    bodies = [body, body | ({field: body[field].upper()} if path != "/api/custom-fields" else {})]

    answers = await asyncio.gather(
        *((api, second)[number % 2].post(path, bodies[number % 2]) for number in range(CALLERS))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: CALLERS - 1}
    assert all(errors(answer).keys() == {field} for answer in answers if answer.status_code == 422)


async def test_of_many_renames_to_one_title_exactly_one_wins(api: Api, second: Api) -> None:
    ids = [1, 5, 3, 7, 4, 2]

    answers = await asyncio.gather(
        *(
            (api, second)[number % 2].patch(f"/api/lead-statuses/{status}", {"title": "Negotiation"})
            for number, status in enumerate(ids)
        )
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 422: len(ids) - 1}


async def test_creates_at_the_same_moment_all_get_places_of_their_own(api: Api, second: Api) -> None:
    answers = await asyncio.gather(
        *((api, second)[number % 2].post("/api/lead-statuses", {"title": f"S{number}"}) for number in range(CALLERS))
    )

    assert {answer.status_code for answer in answers} == {201}
    made = [answer.json()["data"] for answer in answers]
    assert len({status["id"] for status in made}) == CALLERS
    assert sorted(status["position"] for status in made) == list(range(7, 7 + CALLERS))


async def test_an_email_goes_to_a_member_or_to_a_client_never_to_both(
    api: Api, second: Api, database: Database
) -> None:
    for number in range(5):
        lead, email = await api.lead(), f"u{number}@acme.example"
        person = {"first_name": "Jane", "last_name": "Doe"}

        answers = await asyncio.gather(
            api.post("/api/team", person | {"email": email}),
            second.post(f"/api/leads/{lead['id']}/convert", person | {"email": email.upper()}),
        )

        assert sorted(answer.status_code for answer in answers) == [201, 422]
        assert await database["users"].count_documents({"folded": email}) == 1


async def test_a_status_that_is_deleted_while_leads_take_it_never_breaks_a_lead(api: Api, second: Api) -> None:
    for number in range(5):
        status = await api.status(f"Passing {number}")
        body = {"lead_title": "Acme", "lead_status": status["id"], "lead_categoryid": 3}

        deleted, *answers = await asyncio.gather(
            api.delete(f"/api/lead-statuses/{status['id']}"), *(second.post("/api/leads", body) for _ in range(4))
        )

        assert deleted.status_code in {200, 409}
        assert {answer.status_code for answer in answers} <= {201, 422}
        for answer in answers:
            if answer.status_code == 201:
                shown = await api.shown(answer.json()["data"]["id"])
                assert shown["status"] == {"id": status["id"], "title": f"Passing {number}", "color": "default"}


async def test_of_many_deletions_exactly_one_is_told_that_it_did_it(api: Api, second: Api) -> None:
    member = await api.member()

    answers = await asyncio.gather(
        *((api, second)[number % 2].delete(f"/api/team/{member['id']}") for number in range(6))
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 404: 5}
