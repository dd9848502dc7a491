"""POST /api/leads/{id}/merge (contract, "Merge"). Files and races: tests/wire/leads/test_merge.py."""

from typing import Any

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors
from tests.conftest import Serve

WHOLE = {
    "lead_firstname": "Jane",
    "lead_lastname": "Doe",
    "lead_email": "jane@acme.example",
    "lead_phone": "+1 555 0100",
    "lead_job_position": "CTO",
    "lead_company_name": "Acme Inc",
    "lead_website": "https://acme.example",
    "lead_value": "2500.00",
    "lead_source": "Website",
    "lead_last_contacted": "2026-06-15",
    "lead_description": "Inbound enquiry.",
    "lead_street": "1 Main Street",
    "lead_city": "Springfield",
    "lead_state": "Oregon",
    "lead_zip": "97477",
    "lead_country": "US",
    "lead_external_id": "crm-1",
}


REQUIRED = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


async def merge(api: Api, lead: Json, *others: Json, **options: Any) -> httpx.Response:
    return await api.post(f"/api/leads/{lead['id']}/merge", {"lead_ids": [other["id"] for other in others]}, **options)


async def merged(api: Api, lead: Json, *others: Json) -> Json:
    """Merge, and return the lead as it was answered, having looked at what must hold of every merge."""
    before = await api.shown(lead["id"])
    answer = await merge(api, lead, *others)
    assert (answer.status_code, answer.json()["message"]) == (200, "Leads merged successfully."), answer.text
    after: Json = answer.json()["data"]
    assert answer.headers["ETag"].startswith(f'"v{before["version"] + 1}.')
    assert "Location" not in answer.headers
    assert after == await api.shown(lead["id"])
    assert (after["id"], after["version"]) == (before["id"], before["version"] + 1)
    assert after["dates"]["created"] == before["dates"]["created"]
    assert after["dates"]["updated"] >= before["dates"]["updated"]
    for other in others:
        assert (await api.get(f"/api/leads/{other['id']}")).status_code == 404
    return after


async def found(api: Api, **query: Any) -> list[int]:
    return [lead["id"] for lead in (await api.get("/api/leads", **query)).json()["data"]]


async def tagged(api: Api, *tags: str, **fields: Any) -> Json:
    lead = await api.lead(**fields)
    assert (await api.put(f"/api/leads/{lead['id']}/tags", {"tags": list(tags)})).status_code == 200
    return lead


async def refused(api: Api, answer: httpx.Response, status: int, *leads: Json) -> None:
    """Assert that a merge was refused and that the leads are as they were."""
    assert answer.status_code == status, answer.text
    for lead in leads:
        assert (await api.shown(lead["id"]))["version"] == lead["version"]


async def test_every_field_that_is_null_is_filled_and_the_rest_stays(api: Api) -> None:
    lead = await api.lead(lead_title="Empty", lead_status=5)
    other = await api.lead(lead_title="Other", lead_status=3, **WHOLE)

    after = await merged(api, lead, other)

    expected = other | {name: lead[name] for name in ("id", "title", "status")}
    assert after == expected | {"version": 2, "dates": after["dates"]}


@pytest.mark.parametrize("field", sorted(WHOLE))
async def test_a_field_that_is_not_null_keeps_its_value(api: Api, field: str) -> None:
    own = {"lead_email": "own@acme.example", "lead_value": "0.00", "lead_last_contacted": "2020-02-02"}
    lead = await api.lead(**{field: own.get(field, "own")})
    other = await api.lead(**WHOLE)

    after = await merged(api, lead, other)

    replaced = await api.put(f"/api/leads/{lead['id']}", REQUIRED | WHOLE | {field: own.get(field, "own")})
    expected = replaced.json()["data"]
    assert after == expected | {"version": 2, "dates": after["dates"]}


async def test_zero_is_a_value(api: Api) -> None:
    lead, other = await api.lead(lead_value="0.00"), await api.lead(lead_value="5.00")

    assert (await merged(api, lead, other))["value"] == "0.00"


async def test_the_others_fill_in_the_order_given(api: Api) -> None:
    lead, first = await api.lead(), await api.lead(lead_phone="1", lead_city="A")
    second = await api.lead(lead_phone="2", lead_city="B", lead_zip="2", lead_value=2)
    third = await api.lead(lead_phone="3", lead_zip="3", lead_value=3, lead_source="C")

    after = await merged(api, lead, third, first, second)

    assert (after["contact"]["phone"], after["address"]["city"], after["address"]["zip"]) == ("3", "A", "3")
    assert (after["value"], after["source"]) == ("3.00", "C")


async def test_custom_fields_are_filled_each_for_itself_disabled_ones_too(api: Api) -> None:
    kinds = {"colour": "text", "size": "number", "price": "decimal", "hidden": "text"}
    fields = {name: await api.custom_field(name, kind) for name, kind in kinds.items()}
    lead = await api.lead(colour="own", size=0)
    other = await api.lead(colour="blue", size=5, price="2.50", hidden="kept")
    path = f"/api/custom-fields/{fields['hidden']['id']}"
    await api.patch(path, {"is_enabled": False})

    after = await merged(api, lead, other)
    await api.patch(path, {"is_enabled": True})

    assert after["custom_fields"] == {"colour": "own", "size": 0, "price": "2.50"}
    assert (await api.shown(lead["id"]))["custom_fields"]["hidden"] == "kept"


async def test_the_first_external_id_moves_to_a_lead_without_one_and_the_others_are_free(api: Api) -> None:
    lead, none = await api.lead(), await api.lead()
    first, second = await api.lead(lead_external_id="Cafe\u0301"), await api.lead(lead_external_id="b")

    after = await merged(api, lead, none, first, second)
    taken = await api.post("/api/leads", REQUIRED | {"lead_external_id": "Caf\u00e9"})
    free = await api.post("/api/leads", REQUIRED | {"lead_external_id": "b"})

    assert after["external_id"] == "Cafe\u0301"
    assert (taken.status_code, taken.json()["lead_id"], free.status_code) == (422, lead["id"], 201)
    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 200
    assert (await api.post("/api/leads", REQUIRED | {"lead_external_id": "Caf\u00e9"})).status_code == 201


async def test_a_lead_keeps_its_external_id_and_those_of_the_others_are_free(api: Api) -> None:
    lead, other = await api.lead(lead_external_id="a"), await api.lead(lead_external_id="b")

    after = await merged(api, lead, other)
    taken, free = [await api.post("/api/leads", REQUIRED | {"lead_external_id": key}) for key in ("a", "b")]

    assert after["external_id"] == "a"
    assert (taken.status_code, taken.json()["lead_id"], free.status_code) == (422, lead["id"], 201)


async def test_a_refused_merge_moves_no_external_id(api: Api) -> None:
    lead, other, sold = await api.lead(), await api.lead(lead_external_id="a"), await api.lead()
    await api.client(sold["id"])

    answer = await merge(api, lead, other, sold)
    taken = await api.post("/api/leads", REQUIRED | {"lead_external_id": "a"})

    await refused(api, answer, 409, lead, other)
    assert taken.json()["lead_id"] == other["id"]


async def test_what_a_lead_was_filled_with_finds_it(api: Api) -> None:
    lead, other = await api.lead(lead_title="Own title"), await tagged(api, "Fair", lead_title="Other", **WHOLE)
    twin = await api.lead(**WHOLE | {"lead_external_id": None})
    await api.put(f"/api/leads/{other['id']}/assigned", {"assigned": [1]})

    await merged(api, lead, other)

    assert await found(api, email="JANE@acme.example") == [twin["id"], lead["id"]]
    assert await found(api, phone="0015550100") == [twin["id"], lead["id"]]
    assert await found(api, source="website") == [twin["id"], lead["id"]]
    assert await found(api, external_id="crm-1") == [lead["id"]]
    assert await found(api, search="own acme inc jane@") == [lead["id"]]
    assert await found(api, tag="FAIR") == await found(api, assigned_user_id=1) == [lead["id"]]
    (duplicate,) = (await api.get(f"/api/leads/{twin['id']}/duplicates")).json()["data"]
    assert (duplicate["id"], duplicate["matched_on"]) == (lead["id"], ["email", "phone", "company_and_name"])


async def test_tags_are_united_in_any_case_with_the_leads_own_first(api: Api) -> None:
    lead = await tagged(api, "Hot", "straße")
    first, second = await tagged(api, "new", "HOT", "STRASSE"), await tagged(api, "New", "fair")

    assert (await merged(api, lead, second, first))["tags"] == ["Hot", "straße", "New", "fair"]


async def test_assignees_are_united(api: Api) -> None:
    sam, ann = await api.member(), await api.member("Ann", "Poe")
    lead, other = await api.lead(), await api.lead()
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [sam["id"], 1]})
    await api.put(f"/api/leads/{other['id']}/assigned", {"assigned": [1, ann["id"]]})

    after = await merged(api, lead, other)

    assert [person["id"] for person in after["assigned"]] == [1, ann["id"], sam["id"]]


async def test_comments_move_and_are_in_the_order_of_their_creation(api: Api) -> None:
    lead, first, second = [await api.lead() for _ in range(3)]
    texts = []
    for number, of in enumerate([second, lead, first, second, lead, first]):
        texts.append((await api.comment(of["id"], f"Comment {number} €"))["text"])

    after = await merged(api, lead, first, second)

    comments = (await api.get(f"/api/leads/{lead['id']}/comments")).json()["data"]
    assert [comment["text"] for comment in comments] == texts[::-1]
    assert after["comments_count"] == 6
    for comment in comments:
        assert (await api.delete(f"/api/leads/{lead['id']}/comments/{comment['id']}")).status_code == 200
    assert (await api.shown(lead["id"]))["comments_count"] == 0


async def test_a_lead_remembers_its_last_merges_so_that_none_is_done_twice(api: Api, database: Database) -> None:
    lead = await api.lead()
    tokens: list[str] = []
    for _ in range(25):
        await merge(api, lead, await api.lead())
        document = await database["leads"].find_one({"_id": lead["id"]}, {"merges": 1})
        assert document
        assert document["merges"][:-1] == tokens[-19:]
        tokens = document["merges"]

    assert len(set(tokens)) == 20


async def test_items_move_behind_the_leads_own_lead_by_lead_with_their_states_and_comments(api: Api) -> None:
    lead, first, second = [await api.lead() for _ in range(3)]
    items = {text: await api.item(of["id"], text) for of in (second, first, lead) for text in _items(of)}
    done, commented = items[f"b{first['id']}"], items[f"a{second['id']}"]
    await api.put(f"/api/checklists/{done['id']}/status", {"status": "completed"})
    await api.post(f"/api/checklists/{commented['id']}/comments", {"comment": "No answer."})
    await api.put("/api/checklists/positions", {"checklist_ids": [items[text]["id"] for text in _items(first)[::-1]]})

    await merged(api, lead, second, first)

    listed = (await api.get("/api/checklists", resource_type="lead", resource_id=lead["id"])).json()
    shown = listed["data"]
    assert [item["text"] for item in shown] == [*_items(lead), *_items(second), *_items(first)[::-1]]
    assert [item["position"] for item in shown] == [1, 2, 3, 4, 5, 6]
    assert {item["resource"]["id"] for item in shown} == {lead["id"]}
    assert listed["meta"]["progress"] == {"total": 6, "completed": 1, "percentage": 17}
    assert [item["id"] for item in shown if item["status"] == "completed"] == [done["id"]]
    comments = (await api.get(f"/api/checklists/{commented['id']}/comments")).json()["data"]
    assert [comment["text"] for comment in comments] == ["No answer."]
    assert (await api.item(lead["id"], "next"))["position"] == 7


def _items(lead: Json) -> list[str]:
    return [f"a{lead['id']}", f"b{lead['id']}"]


async def test_a_lead_that_gets_nothing_new_is_the_same_in_the_next_version(api: Api) -> None:
    lead, other = await api.lead(**WHOLE), await api.lead(lead_title="Other")

    after = await merged(api, lead, other)

    assert after == lead | {"version": 2, "dates": after["dates"]}


async def test_an_id_that_is_given_twice_collapses(api: Api) -> None:
    lead, other = await api.lead(), await api.lead(lead_phone="1")

    after = await merged(api, lead, other, other)

    assert after["contact"]["phone"] == "1"


async def test_twenty_leads_at_most(api: Api) -> None:
    lead, others = await api.lead(), [await api.lead() for _ in range(21)]

    answer = await merge(api, lead, *others)

    assert errors(answer) == {"lead_ids": ["The lead ids field must not have more than 20 items."]}
    await merged(api, lead, *others[:20])


async def test_an_archived_lead_can_be_merged_and_stays_what_it_is(api: Api) -> None:
    lead, other = await api.lead(), await api.lead()
    await api.put(f"/api/leads/{lead['id']}/archive")

    assert (await merged(api, lead, other))["active_state"] == "archived"


async def test_the_lead_itself_may_be_converted_and_keeps_its_client(api: Api) -> None:
    lead, other = await api.lead(), await api.lead(lead_phone="1")
    client = await api.client(lead["id"])
    before = await api.shown(lead["id"])

    after = await merged(api, lead, other)

    assert (after["converted"], after["status"], after["contact"]["phone"]) == (
        before["converted"],
        before["status"],
        "1",
    )
    assert (await api.get(f"/api/clients/{client['id']}")).json()["data"]["created_from_lead_id"] == lead["id"]


async def test_a_converted_one_among_the_others_is_a_conflict(api: Api) -> None:
    lead, first, other, second = [await api.lead() for _ in range(4)]
    for sold in (first, second):
        await api.client(sold["id"])

    answer = await merge(api, lead, second, other, first)

    text = f"A lead that was converted to a client cannot be merged into another lead: {second['id']}, {first['id']}."
    assert answer.json() == {"message": text}
    await refused(api, answer, 409, lead, other)


async def test_an_unknown_lead_is_not_found(api: Api) -> None:
    other = await api.lead()

    answer = await merge(api, {"id": 999}, other)

    assert answer.json() == {"message": "Lead not found."}
    await refused(api, answer, 404, other)


async def test_unknown_others_and_the_lead_itself_are_told_together_by_their_place(api: Api) -> None:
    lead, other = await api.lead(), await api.lead()

    answer = await merge(api, lead, {"id": 999}, other, lead, {"id": 0}, {"id": -5}, {"id": 2**63 - 1}, {"id": 999})

    assert errors(answer) == {
        f"lead_ids.{place}": [f"The selected lead ids.{place} is invalid."] for place in (0, 2, 3, 4, 5, 6)
    }
    await refused(api, answer, 422, lead, other)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, {"lead_ids": ["The lead ids field is required."]}),
        ({"lead_ids": []}, {"lead_ids": ["The lead ids field is required."]}),
        ({"lead_ids": None}, {"lead_ids": ["The lead ids field is required."]}),
        ({"lead_ids": 2}, {"lead_ids": ["The lead ids field must be an array."]}),
        ({"lead_ids": ["x"]}, {"lead_ids.0": ["The lead ids.0 field must be an integer."]}),
        ({"lead_ids": [None]}, {"lead_ids.0": ["The lead ids.0 field is required."]}),
        ({"lead_ids": [2], "lead_title": "x"}, {"lead_title": ["The lead title field is not recognised."]}),
    ],
)
async def test_a_bad_body_is_told(api: Api, body: Json, fault: dict[str, list[str]]) -> None:
    lead, other = await api.lead(), await api.lead()
    assert other["id"] == 2

    answer = await api.post(f"/api/leads/{lead['id']}/merge", body)

    assert errors(answer) == fault
    await refused(api, answer, 422, lead, other)


async def test_a_form_merges_too(api: Api) -> None:
    lead, first, second = [await api.lead(lead_phone=None) for _ in range(3)]

    answer = await api.post(
        f"/api/leads/{lead['id']}/merge", data={"lead_ids[]": [str(first["id"]), str(second["id"])]}
    )

    assert (answer.status_code, answer.json()["data"]["version"]) == (200, 2)
    assert await found(api) == [lead["id"]]


async def test_if_match_looks_at_the_lead(api: Api) -> None:
    lead, other = await api.lead(), await api.lead()
    await api.patch(f"/api/leads/{other['id']}", {"lead_phone": "1"})

    stale = await merge(api, lead, other, headers={"If-Match": '"v2.1"'})
    current = await merge(api, lead, other, headers={"If-Match": '"v1.1"'})

    assert (stale.status_code, current.status_code) == (412, 200)
    assert current.json()["data"]["version"] == 2


async def test_the_order_of_checks(api: Api) -> None:
    lead, sold = await api.lead(), await api.lead()
    await api.client(sold["id"])
    stale = {"If-Match": '"v9.1"'}

    assert (await merge(api, {"id": 999}, {"id": 998}, headers=stale)).status_code == 422
    assert (await merge(api, {"id": 999}, sold, headers=stale)).status_code == 404
    assert (await merge(api, lead, sold, headers=stale)).status_code == 412
    assert (await merge(api, lead, sold)).status_code == 409


async def test_a_key_gives_the_first_answer_again_although_the_others_are_gone(api: Api) -> None:
    lead, other = await api.lead(), await api.lead(lead_phone="1")
    headers = {"Idempotency-Key": "once"}

    first, again = [await merge(api, lead, other, headers=headers) for _ in range(2)]
    without = await merge(api, lead, other)

    assert first.status_code == 200
    assert (again.status_code, again.content, again.headers["ETag"]) == (200, first.content, first.headers["ETag"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert errors(without) == {"lead_ids.0": ["The selected lead ids.0 is invalid."]}
    assert (await api.shown(lead["id"]))["version"] == 2


async def test_a_refused_merge_leaves_its_key_free(api: Api) -> None:
    lead, sold, other = [await api.lead() for _ in range(3)]
    await api.client(sold["id"])

    answers = [await merge(api, lead, of, headers={"Idempotency-Key": "once"}) for of in (sold, other)]

    assert [answer.status_code for answer in answers] == [409, 200]


async def test_more_than_a_hundred_tags_are_refused(api: Api) -> None:
    lead, other = await tagged(api, *map(str, range(60))), await tagged(api, *map(str, range(59, 101)))
    fitting = await tagged(api, *map(str, range(50, 100)))

    answer = await merge(api, lead, other)

    assert errors(answer) == {"lead_ids": ["A lead must not have more than 100 tags: merge fewer leads."]}
    assert len((await merged(api, lead, fitting))["tags"]) == 100


async def test_more_than_a_hundred_assignees_are_refused(api: Api) -> None:
    people = [(await api.member(f"P{number}"))["id"] for number in range(101)]
    lead, other = await api.lead(), await api.lead()
    for of, assigned in ((lead, people[:60]), (other, people[60:])):
        await api.put(f"/api/leads/{of['id']}/assigned", {"assigned": assigned})

    answer = await merge(api, lead, other)
    await api.put(f"/api/leads/{other['id']}/assigned", {"assigned": people[50:100]})

    assert errors(answer) == {"lead_ids": ["A lead must not have more than 100 assignees: merge fewer leads."]}
    assert len((await merged(api, lead, other))["assigned"]) == 100


TOO_MANY_COMMENTS = (
    "A lead must not have more than {} comments, and they must not be greater than {} bytes together:"
    " merge fewer leads."
)


async def test_more_comments_than_a_lead_may_have_are_refused(serve: Serve) -> None:
    async with serve(max_comments=3, max_comment_bytes=2000) as api:
        lead, first, second = [await api.lead() for _ in range(3)]
        for of in (lead, lead, first, second):
            await api.comment(of["id"])

        answer = await merge(api, lead, first, second)

        assert errors(answer) == {"lead_ids": [TOO_MANY_COMMENTS.format(3, 2000)]}
        await refused(api, answer, 422, await api.shown(lead["id"]), await api.shown(first["id"]))
        assert (await merged(api, lead, first))["comments_count"] == 3


async def test_larger_comments_than_a_lead_may_have_are_refused(serve: Serve) -> None:
    async with serve(max_comments=10, max_comment_bytes=1024) as api:
        lead, first, second = [await api.lead() for _ in range(3)]
        for of, text in ((lead, "€" * 171), (first, "€" * 171), (second, "€" * 170)):
            await api.comment(of["id"], text)

        answer = await merge(api, lead, first)

        assert errors(answer) == {"lead_ids": [TOO_MANY_COMMENTS.format(10, 1024)]}
        assert (await merged(api, lead, second))["comments_count"] == 2
        full = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "xx"})
        assert full.status_code == 422


async def test_a_lead_beyond_a_limit_that_was_lowered_can_be_merged_if_it_gets_nothing_more(serve: Serve) -> None:
    async with serve() as api:
        lead, other = await api.lead(), await api.lead(lead_phone="1")
        for _ in range(3):
            await api.comment(lead["id"])

    async with serve(max_comments=2) as api:
        assert (await merged(api, lead, other))["comments_count"] == 3


async def test_more_than_a_thousand_items_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.leads.merge.MAX_ITEMS", 3)
    lead, first, second, none = [await api.lead() for _ in range(4)]
    for of in (lead, lead, first, second):
        await api.item(of["id"])

    answer = await merge(api, lead, first, second)

    assert errors(answer) == {"lead_ids": ["A lead must not have more than 3 checklist items: merge fewer leads."]}
    await merged(api, lead, first)
    monkeypatch.setattr("leads_api.leads.merge.MAX_ITEMS", 2)
    await merged(api, lead, none)


async def test_every_limit_that_is_exceeded_is_told(serve: Serve) -> None:
    async with serve(max_comments=1) as api:
        lead, other = await tagged(api, *map(str, range(60))), await tagged(api, *map(str, range(59, 101)))
        for of in (lead, other):
            await api.comment(of["id"])

        answer = await merge(api, lead, other)

    assert [text.split(":")[0] for text in errors(answer)["lead_ids"]] == [
        "A lead must not have more than 100 tags",
        TOO_MANY_COMMENTS.format(1, 4 * 1024 * 1024).split(":")[0],
    ]
