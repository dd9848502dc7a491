"""POST, PUT and PATCH of leads by many callers at the same time (contract, "List" and "Create, PUT, PATCH")."""

from asyncio import create_task, gather

from leads_api.mongo.client import Database, start_session
from leads_api.mongo.concurrency import CHANGES_AT_ONCE
from leads_api.mongo.transaction_runs import begin
from tests.client import Api, Json

PLACES = {
    "lead_firstname": ("contact", "first_name"),
    "lead_lastname": ("contact", "last_name"),
    "lead_phone": ("contact", "phone"),
    "lead_job_position": ("contact", "job_position"),
    "lead_website": ("contact", "website"),
    "lead_street": ("address", "street"),
    "lead_city": ("address", "city"),
    "lead_state": ("address", "state"),
    "lead_zip": ("address", "zip"),
    "lead_country": ("address", "country"),
}


async def test_after_changes_of_title_company_and_email_at_once_the_search_finds_what_the_lead_shows(api: Api) -> None:
    for number in range(10):
        lead = await api.lead(lead_title="oldtitle", lead_company_name="oldfirm", lead_email="old@mail.example")
        title, company, email = f"title{number}x", f"firm{number}x", f"mail{number}x@mail.example"

        answers = await gather(
            api.patch(path(lead), {"lead_title": title}),
            api.patch(path(lead), {"lead_company_name": company}),
            api.patch(path(lead), {"lead_email": email}),
        )

        assert sorted(answer.json()["data"]["version"] for answer in answers) == [2, 3, 4]
        assert await found(api, f"{title} {company} {email}") == [lead["id"]]
    assert await found(api, "oldtitle") == []
    assert await found(api, "oldfirm") == []
    assert await found(api, "old@mail") == []


async def test_changes_of_different_fields_at_once_are_all_kept_and_counted(api: Api) -> None:
    lead = await api.lead()

    answers = await gather(*(api.patch(path(lead), {name: f"new {name}"}) for name in PLACES))

    shown = await api.shown(lead["id"])
    assert {name: shown[outer][inner] for name, (outer, inner) in PLACES.items()} == {
        name: f"new {name}" for name in PLACES
    }
    assert sorted(answer.json()["data"]["version"] for answer in answers) == list(range(2, 2 + len(PLACES)))
    assert shown["version"] == 1 + len(PLACES)


async def test_of_many_changes_of_one_title_each_is_accepted_and_the_last_one_is_found(api: Api) -> None:
    lead = await api.lead(lead_title="word0x", lead_company_name="firm")
    titles = [f"word{number}x" for number in range(1, 11)]

    answers = await gather(*(api.patch(path(lead), {"lead_title": title}) for title in titles))

    assert [answer.status_code for answer in answers] == [200] * 10
    shown = await api.shown(lead["id"])
    assert shown["version"] == 11
    last = max((answer.json()["data"] for answer in answers), key=lambda answered: answered["version"])
    assert shown == last
    results = {title: await found(api, f"{title} firm") for title in ["word0x", *titles]}
    assert results == {title: [lead["id"]] if title == shown["title"] else [] for title in ["word0x", *titles]}


async def test_of_replacements_at_once_one_stays_as_a_whole(api: Api) -> None:
    lead = await api.lead()
    bodies = [
        {
            "lead_title": f"word{number}x",
            "lead_status": 1,
            "lead_categoryid": 3,
            "lead_company_name": f"word{number}x",
            "lead_source": f"word{number}x",
        }
        for number in range(10)
    ]

    answers = await gather(*(api.put(path(lead), body) for body in bodies))

    assert [answer.status_code for answer in answers] == [200] * 10
    shown = await api.shown(lead["id"])
    assert shown["title"] == shown["contact"]["company_name"] == shown["source"]
    assert await found(api, shown["title"]) == [lead["id"]]
    assert await found(api, "word") == [lead["id"]]
    assert shown["version"] == 11


async def test_leads_created_at_once_have_ids_of_their_own_and_are_all_there(api: Api) -> None:
    created = await gather(*(api.lead(lead_title=f"Lead {number}") for number in range(30)))

    listed = (await api.get("/api/leads", limit=100)).json()
    assert sorted(lead["id"] for lead in created) == list(range(1, 31))
    assert {lead["id"]: lead for lead in listed["data"]} == {lead["id"]: lead for lead in created}
    assert listed["meta"]["total"] == 30


async def test_a_change_at_the_time_of_a_deletion_is_made_or_not_found_and_brings_nothing_back(api: Api) -> None:
    for _ in range(10):
        lead = await api.lead()

        changed, deleted = await gather(api.patch(path(lead), {"lead_title": "New"}), api.delete(path(lead)))

        assert changed.status_code in {200, 404}
        assert deleted.status_code == 200
        assert (await api.get(path(lead))).status_code == 404


def path(lead: Json) -> str:
    """Return where a lead is."""
    return f"/api/leads/{lead['id']}"


async def found(api: Api, search: str) -> list[int]:
    """Return the ids of the leads that a search finds."""
    return [lead["id"] for lead in (await api.get("/api/leads", search=search)).json()["data"]]


async def test_changes_that_wait_for_each_other_do_not_hold_up_calls_about_other_leads(api: Api) -> None:
    lead, other = await api.lead(), await api.lead()
    choices = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    changes = [create_task(api.put(f"{path(lead)}/status", {"status": 3 + number % 3})) for number in range(300)]
    await changes[0]

    conversion = await api.post(f"{path(other)}/convert", choices)
    shown = await api.shown(other["id"])
    waiting = [change for change in changes if not change.done()]

    assert conversion.status_code == 201
    assert shown["converted"]["is_converted"]
    assert waiting
    assert {answer.status_code for answer in await gather(*changes)} == {200}


async def test_a_lead_that_someone_has_locked_does_not_keep_other_leads_from_being_changed(
    api: Api, database: Database
) -> None:
    locked, other = await api.lead(), await api.lead()
    session = await start_session(database.client)
    await begin(session)
    await database["leads"].update_one({"_id": locked["id"]}, {"$inc": {"held": 1}}, session=session)
    changes = [create_task(api.put(f"{path(locked)}/status", {"status": 3})) for _ in range(3 * CHANGES_AT_ONCE)]
    await api.shown(other["id"])  # by then they wait: they need nothing of the database before

    answer = await api.put(f"{path(other)}/status", {"status": 5})
    waiting = [change for change in changes if not change.done()]
    await session.abort_transaction()
    await session.end_session()

    assert answer.status_code == 200
    assert waiting
    await gather(*changes)
