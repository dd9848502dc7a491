"""`If-Match` on everything that changes a lead (contract, section 5, "Optimistic concurrency"; RFC 9110, 13.1.1)."""

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.api.envelope import assert_fails
from tests.api.http.idempotency import records
from tests.client import Api, Json, errors

STALE = (
    "The record has changed since you read it, or If-Match does not have its ETag as it was sent. Get it again, check"
    " your change against what it is now, and send its new ETag."
)
MALFORMED = (
    'The If-Match header must be *, or entity tags like "v7.3" with their quotes, separated by commas, of at most 4096'
    " characters."
)
CONDITIONAL = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET" and "{lead}" in endpoint.path]

conditional = pytest.mark.parametrize("endpoint", CONDITIONAL, ids=lambda endpoint: endpoint.name)


async def sent(api: Api, endpoint: Endpoint, ids: dict[str, int], if_match: str) -> httpx.Response:
    return await api.call(endpoint.method, endpoint.at(ids), endpoint.sent(ids), headers={"If-Match": if_match})


async def test_the_endpoints_that_look_at_if_match_are_all_that_change_a_lead() -> None:
    assert [endpoint.name for endpoint in CONDITIONAL] == [
        "PUT /api/leads/{lead}", "PATCH /api/leads/{lead}", "PUT /api/leads/{lead}/status",
        "PUT /api/leads/{lead}/assigned", "PUT /api/leads/{lead}/tags", "PUT /api/leads/{lead}/archive",
        "PUT /api/leads/{lead}/activate", "POST /api/leads/{lead}/clone", "POST /api/leads/{lead}/convert",
        "POST /api/leads/{lead}/merge", "POST /api/leads/{lead}/comments",
        "DELETE /api/leads/{lead}/comments/{comment}", "DELETE /api/leads/{lead}",
    ]  # fmt: skip


@conditional
async def test_a_change_is_made_only_if_the_lead_has_the_version_that_the_caller_has_seen(
    api: Api, ids: dict[str, int], database: Database, endpoint: Endpoint
) -> None:
    path = f"/api/leads/{ids['lead']}"
    current = (await api.get(path)).headers["ETag"]
    before = await records(database)

    for stale in ('"v1.1"', f"W/{current}", f'W/{current}, "v1.1"', '"v99.1"', '"other"', f'"v{2**63}.1"'):
        assert_fails(await sent(api, endpoint, ids, stale), 412, STALE)
        assert await records(database) == before, stale
    for malformed in ("", current.strip('"'), f"{current} {current}", f"*, {current}", ",".join([current] * 1000)):
        assert_fails(await sent(api, endpoint, ids, malformed), 400, MALFORMED)
        assert await records(database) == before, malformed

    answer = await sent(api, endpoint, ids, f'"v1.1", W/"x", {current}')

    assert answer.status_code == endpoint.status, answer.text
    assert await records(database) != before


@conditional
@pytest.mark.parametrize("accepted", ["*", "another revision"])
async def test_any_version_is_accepted_by_a_star_and_any_revision_in_a_tag(
    api: Api, ids: dict[str, int], endpoint: Endpoint, accepted: str
) -> None:
    version = (await api.shown(ids["lead"]))["version"]

    answer = await sent(api, endpoint, ids, "*" if accepted == "*" else f'"v{version}.0"')

    assert answer.status_code == endpoint.status, answer.text


@conditional
async def test_a_lead_that_does_not_exist_is_not_found_whatever_if_match_says(
    api: Api, ids: dict[str, int], endpoint: Endpoint
) -> None:
    for if_match in ('"v1.1"', "*", 'W/"v1.1"'):
        assert_fails(await sent(api, endpoint, ids | {"lead": 987_654}, if_match), 404, "Lead not found.")


@conditional
async def test_faults_of_the_request_come_before_a_stale_version(
    api: Api, ids: dict[str, int], endpoint: Endpoint
) -> None:
    path, headers = endpoint.at(ids), {"If-Match": '"v1.1"'}

    malformed = {"If-Match": "v1.1"}
    assert_fails(
        await api.call(endpoint.method, f"{path}?foo=1", endpoint.sent(ids), headers=malformed), 400, MALFORMED
    )
    assert "foo" in errors(await api.call(endpoint.method, f"{path}?foo=1", endpoint.sent(ids), headers=headers))
    if endpoint.body is not None:
        assert errors(await api.call(endpoint.method, path, {"foo": 1}, headers=headers))
        wrong = headers | {"Content-Type": "text/plain"}
        assert (await api.call(endpoint.method, path, content=b"x", headers=wrong)).status_code == 415


async def test_of_a_converted_lead_a_stale_version_is_told_before_the_conversion(api: Api) -> None:
    lead = await api.lead()
    await api.client(lead["id"])
    path, tag = f"/api/leads/{lead['id']}/convert", (await api.get(f"/api/leads/{lead['id']}")).headers["ETag"]
    taken = {"first_name": "Jane", "last_name": "Doe", "email": f"owner-{lead['id']}@acme.example"}

    for body in (taken, taken | {"email": "free@acme.example"}):
        assert_fails(await api.post(path, body, headers={"If-Match": '"v1.1"'}), 412, STALE)
        assert (await api.post(path, body, headers={"If-Match": tag})).status_code == 409


async def test_a_stale_version_is_told_before_an_email_that_is_taken(api: Api) -> None:
    await api.client((await api.lead())["id"], email="jane@acme.example")
    lead = await api.lead()
    taken = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    path = f"/api/leads/{lead['id']}/convert"

    assert_fails(await api.post(path, taken, headers={"If-Match": '"v2.1"'}), 412, STALE)
    assert errors(await api.post(path, taken, headers={"If-Match": '"v1.1"'})).keys() == {"email"}


async def test_a_stale_version_is_told_before_a_limit_of_comments_and_after_a_missing_comment(
    api: Api, database: Database
) -> None:
    lead = await api.lead()
    comments = f"/api/leads/{lead['id']}/comments"
    await database["leads"].update_one({"_id": lead["id"]}, {"$set": {"comments_count": 5000}})
    stale, current = {"If-Match": '"v2.1"'}, {"If-Match": '"v1.1"'}

    assert_fails(await api.post(comments, {"comment": "Called."}, headers=stale), 412, STALE)
    assert errors(await api.post(comments, {"comment": "Called."}, headers=current)).keys() == {"comment"}
    for headers in (stale, current):
        assert_fails(await api.delete(f"{comments}/99", headers=headers), 404, "Comment not found.")


@pytest.mark.parametrize("delete", ["yes", "no"])
async def test_a_conversion_is_made_only_of_the_version_that_the_caller_has_seen(api: Api, delete: str) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    body = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "delete_lead": delete}
    tag = (await api.get(path)).headers["ETag"]
    await api.put(f"{path}/archive")

    refused = await api.post(f"{path}/convert", body, headers={"If-Match": tag})
    after = await api.get(path)
    made = await api.post(f"{path}/convert", body, headers={"If-Match": after.headers["ETag"]})

    assert_fails(refused, 412, STALE)
    assert after.json()["data"]["version"] == 2
    assert made.status_code == 201
    assert (await api.get(path)).status_code == (404 if delete == "yes" else 200)


@pytest.mark.parametrize("fields", [{"lead_title": "New"}, {"lead_email": "new@acme.example"}, {"lead_phone": "1"}])
async def test_a_change_of_some_searched_fields_ends_when_the_version_is_gone(api: Api, fields: Json) -> None:
    lead = await api.lead(lead_title="Old", lead_company_name="Acme")
    path = f"/api/leads/{lead['id']}"

    refused = await api.patch(path, fields, headers={"If-Match": '"v2.1"'})
    changed = await api.patch(path, fields, headers={"If-Match": '"v1.1"'})

    assert_fails(refused, 412, STALE)
    assert changed.status_code == 200
    assert changed.json()["data"]["version"] == 2


async def test_a_tag_that_an_answer_carries_serves_for_the_next_change(api: Api) -> None:
    answer = await api.post("/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3})
    path = f"/api/leads/{answer.json()['data']['id']}"
    for endpoint in CONDITIONAL[:7]:
        sent_body = {"assigned": [1]} if endpoint.body and "assigned" in endpoint.body else endpoint.body
        answer = await api.call(
            endpoint.method,
            endpoint.path.replace("/api/leads/{lead}", path),
            sent_body,
            headers={"If-Match": answer.headers["ETag"]},
        )
        assert answer.status_code == endpoint.status, answer.text

    assert answer.json()["data"]["version"] == 8


async def test_a_lead_of_an_earlier_version_without_a_number_can_be_deleted_with_the_tag_that_it_shows(
    api: Api, database: Database
) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    await database["leads"].update_one({"_id": lead["id"]}, {"$unset": {"version": ""}})
    tag = (await api.get(path)).headers["ETag"]

    assert_fails(await api.delete(path, headers={"If-Match": '"v2.1"'}), 412, STALE)
    assert tag.startswith('"v1.')
    assert (await api.delete(path, headers={"If-Match": tag})).status_code == 200
