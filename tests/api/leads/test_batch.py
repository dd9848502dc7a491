"""POST /api/leads/batch: several leads in one request (contract, "Batches")."""

from typing import Any

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.api.envelope import assert_enveloped, assert_fails
from tests.api.leads.test_create import whole_body
from tests.client import Api, Json, errors
from tests.conftest import Serve

AT = "/api/leads/batch"
TAKEN = {"lead_external_id": ["The lead external id has already been taken."]}


def body(**fields: Any) -> Json:
    return {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3} | fields


async def batch(api: Api, *leads: Any, **options: Any) -> list[Json]:
    answer = await api.post(AT, {"leads": list(leads)} | options)
    assert answer.status_code == 200, answer.text
    assert_enveloped(answer)
    assert answer.json()["message"] == "Leads written successfully."
    results: list[Json] = answer.json()["data"]
    assert len(results) == len(leads)
    return results


async def total(api: Api) -> int:
    return int((await api.get("/api/leads")).json()["meta"]["total"])


async def test_leads_are_created_in_the_order_sent_each_like_a_single_one(api: Api) -> None:
    await api.custom_field("colour")
    bodies = [body(), whole_body() | {"colour": "red", "lead_external_id": "crm-7"}, body(lead_title="C")]

    results = await batch(api, *bodies)

    assert [list(result.items()) for result in results] == [
        [("status", 201), ("id", number), ("version", 1)] for number in (1, 2, 3)
    ]
    for number, sent in enumerate(bodies, start=1):
        shown = await api.shown(number)
        twin = await api.lead(**{name: sent[name] for name in sent if name != "lead_external_id"})
        own = {"id": number, "dates": shown["dates"], "external_id": sent.get("lead_external_id")}
        assert shown == twin | own
    found = (await api.get("/api/leads", search="website", external_id="crm-7")).json()["data"]
    assert [lead["id"] for lead in found] == [2]


FAULTY = [
    body(lead_status=99),
    body(lead_categoryid=2),
    body(lead_status=99, lead_categoryid=99),
    body(lead_title=""),
    body(lead_title=None, lead_value="x", foo=1),
    body(colour="green"),
    body(lead_email="x"),
    body(lead_external_id="a" * 151),
    body(lead_external_id=".", lead_value=-1),
    {"lead_title": "Acme", "lead_value": "x", "foo": 1},
    {"size": "x"},
    {},
    body(tags=["a"]),
]


async def test_the_faults_of_each_are_those_of_a_single_create(api: Api) -> None:
    await api.custom_field("colour", "dropdown", options=["blue", "red"])
    await api.custom_field("size", "number", is_required=True)
    singles = [errors(await api.post("/api/leads", sent)) for sent in FAULTY]

    results = await batch(api, *FAULTY)
    updating = await batch(api, *FAULTY, on_existing="update")

    assert results == [{"status": 422, "errors": single} for single in singles]
    assert updating == results
    assert await total(api) == 0


@pytest.mark.parametrize("item", [None, "", "x", 7, True, [], [body()], 1.5])
async def test_an_item_that_is_no_object_is_refused_on_its_own(api: Api, item: Any) -> None:
    results = await batch(api, item, body())

    assert results[0] == {"status": 422, "errors": {"body": ["The body field must be an object."]}}
    assert results[1]["status"] == 201


async def test_an_item_with_too_many_fields_is_refused_on_its_own(api: Api) -> None:
    results = await batch(api, dict.fromkeys(map(str, range(1001)), 1), body())

    assert results[0]["errors"] == {"body": ["The request body must not have more than 1000 fields."]}
    assert results[1]["status"] == 201


async def test_the_good_ones_are_written_beside_the_faulty_ones(api: Api) -> None:
    results = await batch(api, body(), body(lead_status=99), 7, body(lead_title="D"))

    assert [result["status"] for result in results] == [201, 422, 422, 201]
    assert await total(api) == 2


async def test_a_taken_external_id_is_refused_with_the_lead_that_has_it(api: Api) -> None:
    lead = await api.lead(lead_external_id="caf\u00e9")

    results = await batch(
        api, body(lead_external_id="cafe\u0301"), body(lead_external_id="caf\u00e9", lead_status=99), body()
    )

    assert results[0] == {"status": 422, "errors": TAKEN, "lead_id": lead["id"]}
    assert results[1]["errors"] == {"lead_status": ["The selected lead status is invalid."]}
    assert results[2]["status"] == 201
    assert await api.shown(lead["id"]) == lead


async def test_a_second_item_with_the_same_new_external_id_is_refused(api: Api) -> None:
    results = await batch(
        api,
        body(lead_external_id="a", lead_status=99),
        body(lead_external_id="a", lead_title="Second"),
        body(lead_external_id="a"),
    )

    assert [result["status"] for result in results] == [422, 201, 422]
    assert results[2] == {"status": 422, "errors": TAKEN, "lead_id": results[1]["id"]}
    assert (await api.shown(results[1]["id"]))["title"] == "Second"


async def test_with_update_a_lead_that_is_there_is_changed_and_keeps_the_rest(api: Api) -> None:
    lead = await api.lead(**whole_body(), lead_external_id="crm-7")

    results = await batch(
        api,
        {"lead_external_id": "crm-7", "lead_title": "Renamed", "lead_source": None},
        body(lead_external_id="new"),
        {"lead_external_id": "crm-7", "lead_phone": ""},
        on_existing="update",
    )

    assert results[0] == {"status": 200, "id": lead["id"], "version": 2}
    assert results[1]["status"] == 201
    assert results[2] == {"status": 200, "id": lead["id"], "version": 3}
    after = await api.shown(lead["id"])
    assert after == lead | {
        "title": "Renamed", "source": None, "contact": lead["contact"] | {"phone": None}, "version": 3,
        "dates": after["dates"],
    }  # fmt: skip
    for word in ("renamed", lead["contact"]["company_name"].split()[0]):
        found = (await api.get("/api/leads", search=word, external_id="crm-7")).json()["data"]
        assert found == [after]


async def test_with_update_a_second_item_changes_what_the_first_created(api: Api) -> None:
    results = await batch(
        api,
        body(lead_external_id="a", lead_company_name="Globex"),
        {"lead_external_id": "a", "lead_title": "Second"},
        {"lead_external_id": "a", "lead_email": "jane@acme.example"},
        on_existing="update",
    )

    assert [(result["status"], result["version"]) for result in results] == [(201, 1), (200, 2), (200, 3)]
    lead = await api.shown(results[0]["id"])
    assert (lead["title"], lead["contact"]["email"], lead["version"]) == ("Second", "jane@acme.example", 3)
    assert (await api.get("/api/leads", search="globex second jane")).json()["data"] == [lead]
    assert (await api.get("/api/leads", search="acme.example")).json()["data"] == [lead]


async def test_with_update_the_faults_of_a_change_are_those_of_a_patch(api: Api) -> None:
    lead = await api.lead(lead_external_id="crm-7")
    changes: list[Json] = [{"lead_title": ""}, {"lead_value": "x", "foo": 1}, {"lead_status": 99}]
    patched = [errors(await api.patch(f"/api/leads/{lead['id']}", change)) for change in changes]

    results = await batch(api, *({"lead_external_id": "crm-7"} | change for change in changes), on_existing="update")

    assert results == [{"status": 422, "errors": fault} for fault in patched]
    assert await api.shown(lead["id"]) == lead


async def test_with_update_an_item_without_an_external_id_creates(api: Api) -> None:
    await api.lead(lead_external_id="crm-7")

    results = await batch(api, body(), body(lead_external_id=""), on_existing="update")

    assert [result["status"] for result in results] == [201, 201]


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        ({}, {"leads": ["The leads field is required."]}),
        ({"leads": []}, {"leads": ["The leads field is required."]}),
        ({"leads": None}, {"leads": ["The leads field is required."]}),
        ({"leads": body()}, {"leads": ["The leads field must be an array."]}),
        ({"leads": "x"}, {"leads": ["The leads field must be an array."]}),
        ({"leads": [body()] * 101}, {"leads": ["The leads field must not have more than 100 items."]}),
        ({"leads": [body()], "on_existing": "replace"}, {"on_existing": ["The selected on existing is invalid."]}),
        ({"leads": [], "foo": 1},
         {"leads": ["The leads field is required."], "foo": ["The foo field is not recognised."]}),
    ],
)  # fmt: skip
async def test_a_request_that_is_no_batch_is_refused_as_a_whole(api: Api, sent: Json, faults: Json) -> None:
    assert errors(await api.post(AT, sent)) == faults
    assert await total(api) == 0


async def test_a_hundred_leads_are_written(api: Api) -> None:
    results = await batch(api, *(body(lead_title=f"Lead {n}", lead_external_id=f"crm-{n}") for n in range(100)))

    assert [result["status"] for result in results] == [201] * 100
    assert await total(api) == 100
    assert (await api.shown(results[99]["id"]))["title"] == "Lead 99"


async def test_a_form_is_refused(api: Api) -> None:
    answer = await api.call("POST", AT, data={"leads[]": "x", "on_existing": "fail"})

    assert_fails(answer, 415, "The request body must be sent as application/json.")
    assert_fails(await api.call("GET", AT), 405, "Method not allowed.")


async def test_a_batch_over_the_limit_of_a_body_is_refused(serve: Serve) -> None:
    async with serve(max_body_bytes=10_000) as api:
        answer = await api.post(AT, {"leads": [body(lead_description="x" * 1000)] * 10})

    assert answer.status_code == 413


async def test_with_an_idempotency_key_it_is_done_once(api: Api) -> None:
    async def post(key: str, *leads: Any) -> httpx.Response:
        return await api.post(AT, {"leads": leads}, headers={"Idempotency-Key": key})

    first, again = await post("k-1", body(lead_external_id="a"), 7), await post("k-1", body(lead_external_id="a"), 7)

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await total(api) == 1
    assert errors(await post("k-1", body())).keys() == {"idempotency_key"}
    # One of which nothing could be written is an answer like any other.
    for _ in range(2):
        refused = await post("k-2", 7)
        assert [result["status"] for result in refused.json()["data"]] == [422]
    assert refused.headers["Idempotency-Replayed"] == "true"


async def test_a_claim_that_was_left_behind_is_taken_over(api: Api, database: Database) -> None:
    gone = await api.lead(lead_external_id="a")
    await database["leads"].delete_one({"_id": gone["id"]})

    for mode in ("fail", "update"):
        results = await batch(api, body(lead_external_id="a"), on_existing=mode)
        assert results[0]["status"] == (201 if mode == "fail" else 200)

    assert await total(api) == 1
