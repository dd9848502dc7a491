"""Input that means harm, or nothing: it never makes a fault of the service, nor an answer outside the envelope."""

import json
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.endpoints import ENDPOINTS, FORM, WITH_FORM, Endpoint
from tests.api.envelope import assert_enveloped
from tests.api.raw import Message, send_raw
from tests.client import Api, Json, errors

OPERATORS: list[Json] = [
    {"$gt": ""},
    {"$ne": None},
    {"$where": "1"},
    {"$regex": ".*"},
    {"$oid": "a" * 24},
    {"$set": {}},
]

# The same examples in every run, and no database of earlier ones. The store stays from one example to the next on
# purpose: what one has written is the ground of the next.
fuzz = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def test_an_operator_where_a_value_is_due_is_a_fault_on_every_endpoint(api: Api, ids: dict[str, int]) -> None:
    for endpoint in WITH_FORM:
        body = endpoint.sent(ids) or {}
        for name in body:
            for operator in OPERATORS[:3]:
                answer = await api.call(endpoint.method, endpoint.at(ids), body | {name: operator})
                assert list(errors(answer)) == [name[:100]], endpoint.name


async def test_an_operator_as_an_item_of_an_array_is_a_fault(shared: Api) -> None:
    lead = await shared.lead()

    for name in ("tags", "assigned"):
        answer = await shared.put(f"/api/leads/{lead['id']}/{name}", {name: OPERATORS})
        assert set(errors(answer)) == {f"{name}.{place}" for place in range(len(OPERATORS))}


async def test_an_operator_in_text_is_text(api: Api) -> None:
    await api.lead(lead_title="Plain")
    odd = await api.lead(lead_title='{"$gt": ""}', lead_source="$source", lead_email="$ne@acme.example")

    for query in ('search={"$gt":', "source=$source", "email=$ne@acme.example"):
        assert [lead["id"] for lead in (await api.get(f"/api/leads?{query}")).json()["data"]] == [odd["id"]]
    for query in ("search=.*", "search=^P", "search=%25", "source=.*", "tag=$exists"):
        assert (await api.get(f"/api/leads?{query}")).json()["data"] == []


async def test_nul_is_refused_in_every_text_of_every_endpoint(api: Api, ids: dict[str, int]) -> None:
    for endpoint in WITH_FORM:
        body = endpoint.sent(ids) or {}
        for name, value in body.items():
            if isinstance(value, str):
                answer = await api.call(endpoint.method, endpoint.at(ids), body | {name: f"{value}\x00"})
                assert list(errors(answer)) == [name[:100]], endpoint.name


async def test_a_name_with_nul_or_of_great_length_is_one_that_is_not_recognised(shared: Api) -> None:
    for name in ("\x00", "a\x00b", "x" * 100_000, "", " ", "\U0001f600", "{}", "%s", "{0}"):
        answer = await shared.post("/api/leads", {"lead_title": "A", "lead_status": 1, "lead_categoryid": 3, name: 1})
        assert list(errors(answer)) == [name[:100]]


async def test_a_body_of_very_many_names_is_answered_briefly(shared: Api) -> None:
    answer = await shared.post("/api/leads", {f"unknown_{number}": number for number in range(20_000)})

    assert answer.status_code in {400, 422}
    assert_enveloped(answer)
    assert len(answer.content) < 20_000


def names_of(endpoint: Endpoint) -> list[str]:
    others = ["lead_email", "lead_value", "lead_last_contacted", "options", "position", "is_enabled", "a", ""]
    return [*(endpoint.body or {}), *others]


NASTY: list[Any] = [
    None, True, False, 0, 1, 3, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 0.1, -0.0, 1e308,
    "", " ", "0", "1", "-1",
    "9223372036854775808", "NaN", "1e400", "2026-02-30", "yes", "on", "dropdown", "lead", "a@b.c", "\x00",
    "é\u0301", "x" * 300,
    [], [[]], [1, 1], ["a", "A"], {}, {"$gt": ""}, {"id": 1},
]  # fmt: skip
nasty = st.sampled_from(NASTY)
values = st.recursive(
    nasty | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Endpoint, dict[str, Any]]:
    """Draw an endpoint and a body whose names are mostly those that it knows, with values of any kind."""
    endpoint = draw(st.sampled_from(WITH_FORM))
    known = st.dictionaries(st.sampled_from(names_of(endpoint)), values, max_size=6)
    return endpoint, {**(endpoint.body or {}), **draw(known)} if draw(st.booleans()) else draw(known)


def assert_no_fault_of_the_service(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    assert_enveloped(answer)


@fuzz
@given(request=requests())
async def test_no_json_object_makes_a_fault_of_the_service(
    api: Api, ids: dict[str, int], request: tuple[Endpoint, dict[str, Any]]
) -> None:
    endpoint, body = request

    answer = await api.call(
        endpoint.method,
        endpoint.at(ids),
        content=msgspec.json.encode(body),
        headers={"Content-Type": "application/json"},
    )

    assert_no_fault_of_the_service(answer)


@fuzz
@given(
    endpoint=st.sampled_from(WITH_FORM),
    body=st.binary(max_size=60) | values.map(msgspec.json.encode),
    content_type=st.sampled_from(["application/json", FORM, "text/plain"]),
)
async def test_no_bytes_make_a_fault_of_the_service(
    api: Api, ids: dict[str, int], endpoint: Endpoint, body: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type}

    answer = await api.call(endpoint.method, endpoint.at(ids), content=body, headers=headers)

    assert_no_fault_of_the_service(answer)


QUERY_NAMES = [
    "status", "category_id", "source", "active_state", "assigned_user_id", "search", "sort", "order", "limit", "page",
    "email", "tag", "converted", "created_from", "updated_to", "last_contacted_to", "value_min", "value_max", "type",
    "resource_type", "resource_id", "x",
]  # fmt: skip
texts = nasty.filter(lambda value: isinstance(value, str | int)).map(str) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=15
)


@fuzz
@given(
    endpoint=st.sampled_from([endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]),
    query=st.lists(st.tuples(st.sampled_from(QUERY_NAMES), texts), max_size=4),
)
async def test_no_query_makes_a_fault_of_the_service(
    api: Api, ids: dict[str, int], endpoint: Endpoint, query: list[tuple[str, str]]
) -> None:
    answer = await api.call("GET", endpoint.at(ids), params=query)

    assert_no_fault_of_the_service(answer)


@fuzz
@given(raw=st.binary(max_size=30))
async def test_no_bytes_of_a_query_make_a_fault_of_the_service(shared: Api, raw: bytes) -> None:
    answer = await send_raw(shared, "GET", "/api/leads", query=raw)

    assert_no_fault_of_the_service(answer)


@fuzz
@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "HEAD", "PUT", "OPTIONS", "get", "\x00", ""]))
async def test_no_path_makes_a_fault_of_the_service(shared: Api, path: str, method: str) -> None:
    answer = await send_raw(shared, method, f"/api/leads/{path}")

    assert answer.status_code < 500
    assert answer.headers["X-Request-ID"]


@fuzz
@given(value=st.binary(max_size=30), name=st.sampled_from([b"content-type", b"content-length", b"x-request-id"]))
async def test_no_bytes_of_a_header_make_a_fault_of_the_service(shared: Api, name: bytes, value: bytes) -> None:
    body = {"type": "http.request", "body": b"{}", "more_body": False}

    answer = await send_raw(shared, "POST", "/api/leads", headers=[(name, value)], messages=[body])

    assert_no_fault_of_the_service(answer)


async def test_a_body_that_comes_in_parts_is_one_body(api: Api) -> None:
    body = json.dumps({"lead_title": "In parts", "lead_status": 1, "lead_categoryid": 3}).encode()
    parts: list[Message] = [
        {"type": "http.request", "body": body[at : at + 7], "more_body": True} for at in range(0, len(body), 7)
    ]
    end: Message = {"type": "http.request", "body": b"", "more_body": False}

    answer = await send_raw(
        api, "POST", "/api/leads", headers=[(b"content-type", b"application/json")], messages=[*parts, end]
    )

    assert (answer.status_code, answer.json()["data"]["title"]) == (201, "In parts")


async def test_a_caller_who_leaves_makes_no_fault_of_the_service(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    part = {"type": "http.request", "body": b'{"lead_', "more_body": True}

    answer = await send_raw(
        api, "POST", "/api/leads", headers=[(b"content-type", b"application/json")], messages=[part]
    )

    assert_no_fault_of_the_service(answer)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 0
