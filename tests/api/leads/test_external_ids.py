"""The external id of a lead: given, changed, unique, found and set free (contract, "External ids")."""

import unicodedata

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors

TAKEN = {"lead_external_id": ["The lead external id has already been taken."]}
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
BODY: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


async def claims(database: Database) -> dict[str, int]:
    """Return which lead has claimed which external id."""
    return {claim["_id"]: claim["lead_id"] async for claim in database["external_ids"].find({})}


async def test_a_lead_is_made_with_what_another_system_calls_it(api: Api, database: Database) -> None:
    lead = await api.lead(lead_external_id="  crm/7 ")

    assert lead["external_id"] == "crm/7"
    assert list(lead)[-2:] == ["version", "external_id"]
    assert await api.shown(lead["id"]) == lead
    assert (await api.get("/api/leads")).json()["data"] == [lead]
    assert await claims(database) == {"crm/7": lead["id"]}


@pytest.mark.parametrize("nothing", [None, "", " "])
async def test_a_lead_without_one_shows_null_and_claims_nothing(
    api: Api, database: Database, nothing: str | None
) -> None:
    leads = [await api.lead(lead_external_id=nothing), await api.lead(lead_external_id=nothing), await api.lead()]

    assert [lead["external_id"] for lead in leads] == [None] * 3
    assert await claims(database) == {}
    stored = await database["leads"].find_one({"_id": leads[0]["id"]})
    assert stored
    assert "external_id" not in stored["folded"]  # so the index has no entry


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (7, "The lead external id field must be a string."),
        ("a" * 151, "The lead external id field must not be greater than 150 characters."),
        ("a\x00b", "The lead external id field contains characters that are not allowed."),
    ],
)
async def test_what_is_no_external_id_is_refused(api: Api, sent: object, text: str) -> None:
    lead = await api.lead()

    for answer in (
        await api.post("/api/leads", BODY | {"lead_external_id": sent}),
        await api.put(f"/api/leads/{lead['id']}", BODY | {"lead_external_id": sent}),
        await api.patch(f"/api/leads/{lead['id']}", {"lead_external_id": sent}),
        await api.post(
            f"/api/leads/{lead['id']}/clone", {"lead_title": "B", "lead_status": 1, "lead_external_id": sent}
        ),
    ):
        assert errors(answer) == {"lead_external_id": [text]}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "clone"])
async def test_of_two_leads_the_second_is_refused_and_told_the_first(api: Api, database: Database, method: str) -> None:
    first, other = await api.lead(lead_external_id=COMPOSED), await api.lead(lead_external_id="own")
    at = f"/api/leads/{other['id']}"
    body = BODY | {"lead_title": "Changed", "lead_external_id": DECOMPOSED}

    if method == "clone":
        answer = await api.post(f"{at}/clone", {name: body[name] for name in body if name != "lead_categoryid"})
    else:
        answer = await api.call(method, "/api/leads" if method == "POST" else at, body)

    assert errors(answer) == TAKEN
    assert list(answer.json()) == ["message", "errors", "lead_id"]
    assert answer.json()["lead_id"] == first["id"]
    assert await api.shown(other["id"]) == other
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 2
    assert await claims(database) == {COMPOSED: first["id"], "own": other["id"]}


async def test_it_is_compared_to_the_letter_and_shown_as_it_was_sent(api: Api) -> None:
    leads = [await api.lead(lead_external_id=text) for text in ("A-1", "a-1", "\u00c5", "\uff21-1", DECOMPOSED)]

    assert [lead["external_id"] for lead in leads] == ["A-1", "a-1", "\u00c5", "\uff21-1", DECOMPOSED]
    assert errors(await api.post("/api/leads", BODY | {"lead_external_id": "\u212b"})) == TAKEN  # the sign of the unit


async def test_a_lead_may_be_given_its_own_again_in_another_form(api: Api, database: Database) -> None:
    lead = await api.lead(lead_external_id=COMPOSED)

    changed = (await api.patch(f"/api/leads/{lead['id']}", {"lead_external_id": DECOMPOSED})).json()["data"]

    assert (changed["external_id"], changed["version"]) == (DECOMPOSED, 2)
    assert await claims(database) == {unicodedata.normalize("NFC", DECOMPOSED): lead["id"]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_sets_the_old_one_free(api: Api, database: Database, method: str) -> None:
    lead = await api.lead(lead_external_id="old", lead_company_name="Acme", lead_email="jane@acme.example")
    at = f"/api/leads/{lead['id']}"

    changed = (await api.call(method, at, BODY | {"lead_title": "Moved", "lead_external_id": "new"})).json()["data"]

    assert (changed["external_id"], changed["title"], changed["version"]) == ("new", "Moved", 2)
    assert changed == await api.shown(lead["id"])
    assert await claims(database) == {"new": lead["id"]}
    other = await api.lead(lead_external_id="old")
    assert await claims(database) == {"new": lead["id"], "old": other["id"]}
    for word in ("moved", "acme") if method == "PATCH" else ("moved",):
        found = (await api.get("/api/leads", search=f"{word}", external_id="new")).json()["data"]
        assert [each["id"] for each in found] == [lead["id"]]


@pytest.mark.parametrize(("method", "body"), [("PUT", BODY), ("PATCH", {"lead_external_id": None})])
async def test_it_is_cleared_and_then_free(api: Api, database: Database, method: str, body: Json) -> None:
    lead = await api.lead(lead_external_id="crm-7")

    changed = (await api.call(method, f"/api/leads/{lead['id']}", body)).json()["data"]

    assert (changed["external_id"], changed["version"]) == (None, 2)
    assert await claims(database) == {}
    assert (await api.get("/api/leads", external_id="crm-7")).json()["data"] == []
    stored = await database["leads"].find_one({"_id": lead["id"]})
    assert stored
    assert "external_id" not in stored["folded"]
    await api.lead(lead_external_id="crm-7")


async def test_a_change_of_other_fields_keeps_it(api: Api, database: Database) -> None:
    lead = await api.lead(lead_external_id="crm-7")

    changed = (await api.patch(f"/api/leads/{lead['id']}", {"lead_title": "B"})).json()["data"]

    assert changed["external_id"] == "crm-7"
    assert await claims(database) == {"crm-7": lead["id"]}


async def test_a_change_of_it_looks_at_if_match(api: Api, database: Database) -> None:
    lead = await api.lead(lead_external_id="old")
    await api.lead(lead_external_id="taken")
    at = f"/api/leads/{lead['id']}"

    stale = await api.patch(at, {"lead_external_id": "taken"}, headers={"If-Match": '"v2.1"'})
    assert stale.status_code == 412
    taken = await api.patch(at, {"lead_external_id": "taken"}, headers={"If-Match": '"v1.1"'})
    assert errors(taken) == TAKEN
    done = await api.patch(at, {"lead_external_id": "new"}, headers={"If-Match": '"v1.1"'})
    assert done.json()["data"]["version"] == 2

    assert set(await claims(database)) == {"new", "taken"}
    missing = await api.patch("/api/leads/99", {"lead_external_id": "taken"})
    assert (missing.status_code, missing.json()) == (404, {"message": "Lead not found."})


async def test_the_deletion_of_a_lead_sets_it_free(api: Api, database: Database) -> None:
    gone, sold = await api.lead(lead_external_id="gone"), await api.lead(lead_external_id="sold")
    kept = await api.lead(lead_external_id="kept")

    assert (await api.delete(f"/api/leads/{gone['id']}")).status_code == 200
    await api.client(sold["id"], delete_lead="yes")
    await api.client(kept["id"])

    assert await claims(database) == {"kept": kept["id"]}
    again = await api.lead(lead_external_id="gone")
    assert again["id"] not in {gone["id"], sold["id"], kept["id"]}


async def test_a_refused_deletion_keeps_it(api: Api, database: Database) -> None:
    lead = await api.lead(lead_external_id="crm-7")

    assert (await api.delete(f"/api/leads/{lead['id']}", headers={"If-Match": '"v9.1"'})).status_code == 412

    assert await claims(database) == {"crm-7": lead["id"]}


async def test_a_clone_starts_without_or_with_its_own(api: Api, database: Database) -> None:
    source = await api.lead(lead_external_id="source")
    at, body = f"/api/leads/{source['id']}/clone", {"lead_title": "Clone", "lead_status": 1}

    without = (await api.post(at, body)).json()["data"]
    given = (await api.post(at, body | {"lead_external_id": "clone"})).json()["data"]

    assert (without["external_id"], given["external_id"]) == (None, "clone")
    assert await claims(database) == {"source": source["id"], "clone": given["id"]}


async def test_a_list_is_filtered_by_it_to_the_letter(api: Api) -> None:
    lead = await api.lead(lead_external_id=COMPOSED)
    await api.lead(lead_external_id="b")
    await api.lead()

    found = {}
    for wanted in (COMPOSED, DECOMPOSED, f" {COMPOSED} ", "CAF\u00c9", "cafe", "caf", "no", ""):
        answer = (await api.get("/api/leads", external_id=wanted)).json()
        found[wanted] = [each["id"] for each in answer["data"]], answer["meta"]["total"]

    one: tuple[list[int], int] = ([lead["id"]], 1)
    assert {wanted: found[wanted] for wanted in (COMPOSED, DECOMPOSED, f" {COMPOSED} ")} == dict.fromkeys(
        (COMPOSED, DECOMPOSED, f" {COMPOSED} "), one
    )
    assert [found[wanted] for wanted in ("CAF\u00c9", "cafe", "caf", "no")] == [([], 0)] * 4
    assert found[""][1] == 3  # an empty value is as if it were absent
    both = (await api.get("/api/leads", external_id=COMPOSED, status="3")).json()["data"]
    assert both == []
    walked = (await api.get("/api/leads", external_id=COMPOSED, cursor="*")).json()
    assert [each["id"] for each in walked["data"]] == [lead["id"]]
    assert errors(await api.get("/api/leads", external_id="a" * 151)) == {
        "external_id": ["The external id field must not be greater than 150 characters."]
    }


async def test_a_claim_that_a_process_of_an_earlier_version_left_behind_is_taken_over(
    api: Api, database: Database
) -> None:
    gone, changed = await api.lead(lead_external_id="gone"), await api.lead(lead_external_id="changed")
    await database["leads"].delete_one({"_id": gone["id"]})
    await database["leads"].update_one(
        {"_id": changed["id"]}, {"$set": {"external_id": None}, "$unset": {"folded.external_id": ""}}
    )

    first, second = await api.lead(lead_external_id="gone"), await api.lead()
    again = await api.patch(f"/api/leads/{changed['id']}", {"lead_external_id": "changed"})

    assert again.status_code == 200
    assert await claims(database) == {"gone": first["id"], "changed": changed["id"]}
    refused = await api.patch(f"/api/leads/{second['id']}", {"lead_external_id": "changed"})
    assert (errors(refused), refused.json()["lead_id"]) == (TAKEN, changed["id"])


async def test_a_create_with_one_and_an_idempotency_key_is_done_once(api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    body = BODY | {"lead_external_id": "crm-7"}

    first = await api.post("/api/leads", body, headers=headers)
    again = await api.post("/api/leads", body, headers=headers)
    other = await api.post("/api/leads", body, headers={"Idempotency-Key": "k-2"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert errors(other) == TAKEN
    # A refusal does not use the key up.
    assert (await api.post("/api/leads", BODY, headers={"Idempotency-Key": "k-2"})).status_code == 201
