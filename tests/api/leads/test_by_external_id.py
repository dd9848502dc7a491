"""/api/leads/by-external-id/{external_id}: get, create or replace, create or change (contract, "External ids")."""

from typing import Any
from urllib.parse import quote

import pytest

from leads_api.mongo.client import Database
from tests.api.envelope import assert_fails
from tests.api.leads.test_create import whole_body
from tests.client import Api, Json, errors

BODY: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
AT = "/api/leads/by-external-id/crm-7"
NOT_FOUND = "Lead not found."
THERE = "There is such a lead already. Leave If-None-Match out to change it."
NOT_THERE = "There is no lead with this external id, so If-Match cannot hold. Leave it out to create the lead."
OTHER = {"lead_external_id": ["The lead external id field must be the same as in the path, or be left out."]}


def at(external_id: str) -> str:
    return f"/api/leads/by-external-id/{quote(external_id, safe='')}"


async def test_a_lead_is_got_as_by_its_id(api: Api) -> None:
    lead = await api.lead(lead_external_id="crm-7")

    answer = await api.get(AT)

    assert (answer.status_code, answer.json()) == (
        200, {"data": lead, "message": "Lead retrieved successfully."}
    )  # fmt: skip
    assert answer.headers["ETag"] == (await api.get(f"/api/leads/{lead['id']}")).headers["ETag"]
    unchanged = await api.call("GET", AT, headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = await api.call("HEAD", AT)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


async def test_of_what_is_no_external_id_of_a_lead_none_is_found(api: Api) -> None:
    lead = await api.lead(lead_external_id="crm-7")

    for other in ("CRM-7", "crm-70", "crm", f"{lead['id']}"):
        assert_fails(await api.get(at(other)), 404, NOT_FOUND)
    await api.delete(f"/api/leads/{lead['id']}")
    assert_fails(await api.get(AT), 404, NOT_FOUND)


@pytest.mark.parametrize(
    "external_id", ["a/b", "a//b/", "/", "50%", "%2F", "a b", "caf\u00e9", "cafe\u0301", "a?b#c", "batch", "..."]
)
async def test_any_external_id_can_be_in_the_path(api: Api, external_id: str) -> None:
    made = await api.put(at(external_id), BODY)

    assert made.status_code == 201
    assert made.json()["data"]["external_id"] == external_id
    assert (await api.get(f"{at(external_id)}/")).json()["data"] == made.json()["data"]
    assert (await api.patch(at(f" {external_id} "), {"lead_title": "B"})).json()["data"]["version"] == 2


@pytest.mark.parametrize("segment", ["%2E", "%2e.", "%20", "a%00b", "%FF", "a" * 151, "a/b"])
async def test_what_cannot_be_an_external_id_is_not_found_before_the_method_is_looked_at(
    api: Api, segment: str
) -> None:
    for method in ("GET", "PUT", "PATCH", "PURGE", "OPTIONS"):
        assert_fails(await api.call(method, f"/api/leads/by-external-id/{segment}", BODY), 404, "Not found.")
    for sent in (".", "..", " .. "):
        text = "The lead external id field must not be . or .., which mean something else in a path."
        assert errors(await api.post("/api/leads", BODY | {"lead_external_id": sent})) == {"lead_external_id": [text]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_lead_that_is_not_there_is_created(api: Api, method: str) -> None:
    body = whole_body()

    answer = await api.call(method, AT, body)

    assert (answer.status_code, answer.json()["message"]) == (201, "Lead created successfully.")
    made = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/leads/{made['id']}"
    assert answer.headers["ETag"] == '"v1.1"'
    assert (made["external_id"], made["version"]) == ("crm-7", 1)
    twin = await api.lead(**body)
    own = ("id", "dates", "external_id")
    assert {name: made[name] for name in made if name not in own} == {
        name: twin[name] for name in twin if name not in own
    }
    assert await api.shown(made["id"]) == made


async def test_put_replaces_and_patch_changes_what_is_there(api: Api, database: Database) -> None:
    lead = await api.lead(**whole_body(), lead_external_id="crm-7")
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})

    patched = await api.patch(AT, {"lead_phone": "1"})
    assert (patched.status_code, patched.json()["message"]) == (200, "Lead updated successfully.")
    assert "Location" not in patched.headers
    changed = patched.json()["data"]
    assert changed == lead | {
        "contact": lead["contact"] | {"phone": "1"}, "tags": ["priority"], "version": 3, "dates": changed["dates"]
    }  # fmt: skip

    replaced = await api.put(AT, BODY)
    assert (replaced.status_code, replaced.json()["message"]) == (200, "Lead updated successfully.")
    after = replaced.json()["data"]
    assert (after["id"], after["title"], after["source"], after["contact"]["phone"]) == (lead["id"], "Acme", None, None)
    assert (after["external_id"], after["tags"], after["version"]) == ("crm-7", ["priority"], 4)
    assert await database["external_ids"].count_documents({}) == 1
    found = (await api.get("/api/leads", search="acme", external_id="crm-7")).json()["data"]
    assert found == [after]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_body_may_repeat_the_external_id_in_another_form_but_not_name_another(api: Api, method: str) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"

    made = await api.call(method, at(composed), BODY | {"lead_external_id": decomposed})
    assert (made.status_code, made.json()["data"]["external_id"]) == (201, decomposed)
    same = await api.call(method, at(decomposed), BODY)
    assert (same.status_code, same.json()["data"]["external_id"]) == (200, decomposed)
    again = await api.call(method, at(decomposed), BODY | {"lead_external_id": composed})
    assert (again.status_code, again.json()["data"]["external_id"]) == (200, composed)

    other = await api.call(method, at(composed), BODY | {"lead_external_id": "Caf\u00e9", "lead_value": "x"})
    assert errors(other) == OTHER | {"lead_value": ["The lead value field must be a number."]}
    form = {"lead_title": "B", "lead_status": "1", "lead_categoryid": "3", "lead_external_id": "b"}
    assert errors(await api.call(method, at(composed), data=form)) == OTHER


async def test_null_is_as_if_left_out_for_put_and_another_one_for_patch(api: Api) -> None:
    await api.put(AT, BODY | {"lead_external_id": None})

    assert (await api.get(AT)).status_code == 200
    for empty in (None, "", " "):
        assert (await api.put(AT, BODY | {"lead_external_id": empty})).json()["data"]["external_id"] == "crm-7"
        assert errors(await api.patch(AT, {"lead_external_id": empty})) == OTHER


async def test_a_new_lead_needs_its_required_fields(api: Api) -> None:
    await api.custom_field("colour", is_required=True)
    required = {
        "lead_status": ["The lead status field is required."],
        "lead_categoryid": ["The lead categoryid field is required."],
        "colour": ["The colour field is required."],
    }

    assert errors(await api.patch(AT, {"lead_title": "Acme"})) == required
    assert errors(await api.put(AT, {"lead_title": "Acme"})) == required
    assert errors(await api.patch(AT, {})) == {"body": ["The body field must have at least one field to change."]}
    assert errors(await api.patch(AT, {"lead_title": ""})) == {"lead_title": ["The lead title field is required."]}
    assert_fails(await api.get(AT), 404, NOT_FOUND)
    assert (await api.patch(AT, BODY | {"colour": "red"})).json()["data"]["custom_fields"] == {"colour": "red"}
    assert (await api.patch(AT, {"lead_title": "B"})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_with_if_match_only_a_lead_that_is_there_is_changed(api: Api, method: str) -> None:
    for tag in ('"v1.1"', '"v9.1", "v1.1"'):
        assert_fails(await api.call(method, AT, BODY, headers={"If-Match": tag}), 412, NOT_THERE)
    assert_fails(await api.get(AT), 404, NOT_FOUND)
    await api.put(AT, BODY)

    stale = await api.call(method, AT, BODY, headers={"If-Match": '"v2.1"'})
    assert stale.status_code == 412
    assert stale.json()["message"].startswith("The record has changed since you read it")
    good = await api.call(method, AT, BODY, headers={"If-Match": '"v1.1"'})
    assert (good.status_code, good.headers["ETag"]) == (200, '"v2.1"')


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_any_version_needs_a_lead_that_is_there(api: Api, method: str) -> None:
    assert_fails(await api.call(method, AT, BODY, headers={"If-Match": "*"}), 412, NOT_THERE)
    await api.put(AT, BODY)
    assert (await api.call(method, AT, BODY, headers={"If-Match": "*"})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_with_if_none_match_a_lead_is_only_created(api: Api, method: str) -> None:
    first = await api.call(method, AT, BODY, headers={"If-None-Match": "*"})
    assert first.status_code == 201

    assert_fails(await api.call(method, AT, BODY, headers={"If-None-Match": " * "}), 412, THERE)
    by_id = f"/api/leads/{first.json()['data']['id']}"
    assert_fails(await api.call(method, by_id, BODY, headers={"If-None-Match": "*"}), 412, THERE)
    assert_fails(await api.call(method, "/api/leads/99", BODY, headers={"If-None-Match": "*"}), 404, NOT_FOUND)
    both = {"If-None-Match": "*", "If-Match": '"v1.1"'}
    assert (await api.call(method, AT, BODY, headers=both)).status_code == 412
    assert (await api.call(method, at("new"), BODY, headers=both)).status_code == 412
    assert (await api.get(AT)).json()["data"]["version"] == 1


@pytest.mark.parametrize("sent", ['"v1.1"', 'W/"v1.1"', "", "x", "*, *"])
async def test_another_if_none_match_of_a_change_is_refused(api: Api, sent: str) -> None:
    text = "The If-None-Match header of a change must be *, which means: only if there is no record yet."

    for path in (AT, "/api/leads/1"):
        assert_fails(await api.put(path, BODY, headers={"If-None-Match": sent}), 400, text)


@pytest.mark.parametrize(
    ("status", "method", "query", "body", "headers"),
    [
        (405, "PURGE", {}, None, {}),
        (405, "DELETE", {}, None, {}),
        (405, "POST", {}, BODY, {}),
        (400, "PUT", {}, {}, {"If-Match": "x"}),
        (422, "PUT", {}, {}, {"If-Match": '"v1.1"'}),
        (422, "PATCH", {}, {"lead_external_id": "b"}, {"If-Match": '"v1.1"'}),
        (412, "PATCH", {}, {"lead_title": "A"}, {"If-Match": '"v1.1"'}),
        (422, "PATCH", {}, {"lead_title": "A"}, {}),
        (422, "GET", {"foo": "1"}, None, {}),
    ],
)
async def test_checks_are_made_in_the_order_of_the_contract(  # noqa: PLR0917 - the parts of a request
    api: Api, status: int, method: str, query: Json, body: Any, headers: dict[str, str]
) -> None:
    answer = await api.call(method, AT, body, headers=headers, params=query)

    assert answer.status_code == status
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH, PUT"


async def test_a_claim_without_its_lead_is_no_lead(api: Api, database: Database) -> None:
    gone = (await api.put(AT, BODY)).json()["data"]
    await database["leads"].delete_one({"_id": gone["id"]})

    assert_fails(await api.get(AT), 404, NOT_FOUND)
    assert_fails(await api.put(AT, BODY, headers={"If-Match": "*"}), 412, NOT_THERE)
    made = await api.put(AT, BODY, headers={"If-None-Match": "*"})

    assert made.status_code == 201
    assert made.json()["data"]["id"] != gone["id"]
    assert (await api.get(AT)).json()["data"] == made.json()["data"]


async def test_a_lead_that_lost_the_folded_copy_is_changed(api: Api, database: Database) -> None:
    lead = (await api.put(AT, BODY)).json()["data"]
    await database["leads"].update_one({"_id": lead["id"]}, {"$unset": {"folded": ""}})

    assert (await api.get(AT)).json()["data"] == lead
    assert (await api.put(AT, BODY | {"lead_title": "B"})).json()["data"]["id"] == lead["id"]
    assert [each["title"] for each in (await api.get("/api/leads", external_id="crm-7")).json()["data"]] == ["B"]
