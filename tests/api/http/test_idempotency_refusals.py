"""Idempotency keys that are refused, and requests that use none up (contract, sections 1 and 5)."""

import json

import pytest

from leads_api.http.rate_limit import RateLimit as Counter
from leads_api.mongo.client import Database
from leads_api.settings import RateLimit
from tests.api.endpoints import FORM, Endpoint, as_form
from tests.api.http.idempotency import EACH_POST, LEAD, create, number_of_leads, recorded, records, replayed
from tests.api.raw import send_raw
from tests.client import Api, errors
from tests.conftest import Serve

MALFORMED = ["The idempotency key field must have 1 to 255 visible ASCII characters, without spaces, and be sent once."]
USED = ["The idempotency key has already been used for another request. Use a new key for each request."]


@EACH_POST
async def test_another_request_with_a_used_key_is_refused(
    api: Api, ids: dict[str, int], database: Database, endpoint: Endpoint
) -> None:
    path, body, headers = endpoint.at(ids), endpoint.sent(ids), {"Idempotency-Key": "key-1"}
    assert (await create(api, LEAD | {"lead_title": "Another lead"})).status_code == 201
    left = await records(database)

    answer = await api.post(path, body, headers=headers)

    assert errors(answer) == {"idempotency_key": USED}
    assert await records(database) == left


async def test_the_body_is_compared_by_its_bytes_and_the_content_type_and_path_as_well(api: Api) -> None:
    lead = await api.lead()
    path, sent = f"/api/leads/{lead['id']}/comments", json.dumps({"comment": "Called."})
    json_type = {"Content-Type": "application/json", "Idempotency-Key": "key-1"}
    other = (await api.lead())["id"]

    assert (await api.post(path, content=sent, headers=json_type)).status_code == 201
    same = await api.post(f"{path}/", content=sent, headers=json_type)
    spaced = await api.post(path, content=f"{sent} ", headers=json_type)
    as_a_form = await api.post(
        path, content=as_form({"comment": "Called."}), headers=json_type | {"Content-Type": FORM}
    )
    typed = await api.post(path, content=sent, headers=json_type | {"Content-Type": "application/json; charset=utf-8"})
    elsewhere = await api.post(f"/api/leads/{other}/comments", content=sent, headers=json_type)

    assert replayed(same)  # a trailing slash changes nothing
    for answer in (spaced, as_a_form, typed, elsewhere):
        assert errors(answer) == {"idempotency_key": USED}


@pytest.mark.parametrize("key", [b"", b"a b", b"a" * 256, "clé".encode(), b"a\tb", b"a\x7f"])
async def test_a_malformed_key_is_told_together_with_all_other_faults(api: Api, key: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"idempotency-key", key)]
    body = {"type": "http.request", "body": json.dumps({"lead_status": 1, "foo": 1}).encode(), "more_body": False}

    answer = await send_raw(api, "POST", "/api/leads", query=b"bar=1", headers=headers, messages=[body])

    faults = errors(answer)
    assert faults.keys() == {"idempotency_key", "lead_title", "lead_categoryid", "foo", "bar"}
    assert faults["idempotency_key"] == MALFORMED
    assert await number_of_leads(api) == 0


async def test_a_malformed_key_alone_is_refused_and_a_key_that_is_sent_twice_is_one(api: Api) -> None:
    body = {"type": "http.request", "body": json.dumps(LEAD).encode(), "more_body": False}
    for keys in ([b"a b"], [b"a", b"b"], [b"a", b"a"]):
        headers = [(b"content-type", b"application/json"), *((b"idempotency-key", key) for key in keys)]

        answer = await send_raw(api, "POST", "/api/leads", headers=headers, messages=[body])

        assert errors(answer) == {"idempotency_key": MALFORMED}
    assert await number_of_leads(api) == 0


async def test_a_used_key_is_told_together_with_the_faults_of_the_other_request(api: Api) -> None:
    await create(api)

    answer = await create(api, {"lead_title": "", "lead_status": 99, "lead_categoryid": 3})

    assert errors(answer).keys() == {"idempotency_key", "lead_title", "lead_status"}
    assert errors(answer)["idempotency_key"] == USED


async def test_what_is_checked_before_the_fields_comes_before_the_key(api: Api) -> None:
    await create(api)
    bad, used = {"Idempotency-Key": "a b"}, {"Idempotency-Key": "key-1"}
    for headers in (bad, used):
        answers = [
            await api.http.post("/api/leads", json=LEAD, headers=headers),
            await api.post("/api/nothing", LEAD, headers=headers),
            await api.post("/api/leads/1", LEAD, headers=headers),
            await api.post("/api/leads", content=b"<a/>", headers=headers | {"Content-Type": "text/xml"}),
            await api.post("/api/leads", content=b"{", headers=headers | {"Content-Type": "application/json"}),
        ]

        assert [answer.status_code for answer in answers] == [401, 404, 405, 415, 400]


async def test_a_malformed_key_comes_before_a_lead_that_is_not_there(api: Api) -> None:
    path, headers = "/api/leads/999/comments", {"Idempotency-Key": "a b"}

    assert errors(await api.post(path, {"comment": "x"}, headers=headers)) == {"idempotency_key": MALFORMED}


async def test_a_refused_request_does_not_use_its_key_up(api: Api) -> None:
    lead = await api.lead()
    convert = f"/api/leads/{lead['id']}/convert"
    person = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    taken = person | {"email": "sam.lee@crm.example"}
    await api.member()
    headers = {"Idempotency-Key": "key-1"}

    refused = [
        await create(api, {"lead_title": "Acme"}),
        await api.post("/api/leads/999/comments", {"comment": "x"}, headers=headers),
        await api.post(convert, taken, headers=headers),
    ]
    first = await api.post(convert, person, headers=headers)
    again = await api.post(convert, person, headers=headers)

    assert [answer.status_code for answer in refused] == [422, 404, 422]
    assert (first.status_code, again.status_code) == (201, 201)
    assert recorded(again) == recorded(first)
    assert (await api.post(convert, person, headers={"Idempotency-Key": "key-2"})).status_code == 409


async def test_a_request_that_is_refused_for_the_rate_limit_does_not_use_its_key_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(rate_limit=RateLimit(1, 3600)) as api:
        await api.get("/api/leads")
        refused = await create(api)
        monkeypatch.setattr(Counter, "take", lambda *_: {"RateLimit": "a new window"})
        made = await create(api)
        again = await create(api)

    assert [answer.status_code for answer in (refused, made, again)] == [429, 201, 201]
    assert [replayed(answer) for answer in (refused, made, again)] == [False, False, True]
    assert again.headers["RateLimit"] == "a new window"
    assert recorded(again) == recorded(made)
