"""Bodies: content types, JSON, size (contract, section 1, "Request bodies")."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.endpoints import ENDPOINTS, FORM, WITH_FORM, as_form
from tests.api.envelope import assert_enveloped, assert_fails
from tests.client import Api, errors
from tests.conftest import Serve

JSON = "application/json"
MALFORMED = "The request body is not valid JSON in UTF-8."
NO_OBJECT = "The request body must be a JSON object."
UNSUPPORTED = "The request body must be sent as application/json or application/x-www-form-urlencoded."
LIMIT = 1024
ONES = dict.fromkeys(
    ("lead", "external_id", "item", "item_comment", "comment", "status", "category", "member", "field"), 1
)


async def sent(
    api: Api, content: bytes | AsyncIterator[bytes], content_type: str | None = JSON, path: str = "/api/leads",
    method: str = "POST",
) -> httpx.Response:  # fmt: skip
    headers = {} if content_type is None else {"Content-Type": content_type}
    return await api.call(method, path, content=content, headers=headers)


async def test_every_endpoint_with_a_body_takes_a_form_as_well(api: Api, ids: dict[str, int]) -> None:
    got: dict[str, int] = {}
    for endpoint in WITH_FORM:
        form = as_form(endpoint.sent(ids) or {})
        got[endpoint.name] = (await sent(api, form, FORM, endpoint.at(ids), endpoint.method)).status_code

    assert got == {endpoint.name: endpoint.status for endpoint in WITH_FORM}
    assert {endpoint.method for endpoint in WITH_FORM} == {"POST", "PUT", "PATCH"}


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "json",
     "text/json", "application/octet-stream", "application/problem+json", "*/*"],
)  # fmt: skip
async def test_a_body_of_another_or_no_type_is_refused_on_every_endpoint_with_a_body(
    shared: Api, content_type: str | None
) -> None:
    for endpoint in WITH_FORM:
        path = endpoint.at(ONES)
        assert_fails(await sent(shared, b"{}", content_type, path, endpoint.method), 415, UNSUPPORTED)


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"]
)
async def test_parameters_and_case_of_the_content_type_do_not_matter(shared: Api, content_type: str) -> None:
    body = b'{"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}'

    assert (await sent(shared, body, content_type)).status_code == 201


@pytest.mark.parametrize("content_type", [None, JSON, FORM, "text/plain"])
async def test_no_bytes_at_all_are_an_empty_object(shared: Api, content_type: str | None) -> None:
    required = {"lead_title", "lead_status", "lead_categoryid"}

    assert errors(await sent(shared, b"", content_type)).keys() == required
    assert errors(await sent(shared, b"", content_type, "/api/leads/1", "PUT")).keys() == required
    assert errors(await sent(shared, b"", content_type, "/api/leads/1", "PATCH")).keys() == {"body"}


MALFORMED_JSON = [
    b" ", b"\n", b"{", b"}", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{'a':1}", b"{a:1}", b"{} {}", b"{}x", b"xyz",
    b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b"NaN", b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}',
    b'{"a":"\n"}', b'{"a":"\x00"}', b'{"a":"\\x"}', b'{"a":True}', b'{"a":None}', b"{}\x00", b"\x00", b"// c\n{}",
    b'{"a":"\xff"}', b'{"\xff":1}', b"\xff", b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}',
    b'{"a":"\xc0\xaf"}', b'{"a":"\\ud800"}', b'{"a":"\\udfff"}', b'{"a":"\\ude00\\ud83d"}', b'{"\\ud800":1}',
    b'{"a":"\\ud800x"}', b'{"a":"\\u12"}', "{}".encode("utf-16"), "{}".encode("utf-32"),
    b'{"a": "\xe9"}',
]  # fmt: skip


async def test_what_is_not_json_in_utf_8_is_refused(shared: Api) -> None:
    answers = {body: await sent(shared, body) for body in MALFORMED_JSON}

    assert {body: answer.status_code for body, answer in answers.items()} == dict.fromkeys(MALFORMED_JSON, 400)
    for answer in answers.values():
        assert_fails(answer, 400, MALFORMED)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/leads"), ("PUT", "/api/leads/1"), ("PATCH", "/api/team/1")]
)
async def test_what_is_json_but_no_object_is_refused(shared: Api, method: str, path: str) -> None:
    for body in (b"null", b"true", b"1", b"1.5", b'"x"', b'"{}"', b"[]", b"[{}]", b' [{"lead_title": "x"}] '):
        assert_fails(await sent(shared, body, JSON, path, method), 400, NO_OBJECT)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"lead_title":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"tags":' + b'[{"":' * 50_000 + b"1" + b"}]" * 50_000 + b"}",
    ],
)
async def test_deep_nesting_is_refused(shared: Api, body: bytes) -> None:
    for path, method in (("/api/leads", "POST"), ("/api/leads/1/tags", "PUT")):
        answer = await sent(shared, body, JSON, path, method)
        assert answer.status_code == 400
        assert_enveloped(answer)


async def test_the_service_lives_on_after_deep_nesting(api: Api) -> None:
    for _ in range(20):
        await sent(api, b"[" * 100_000)

    assert (await api.lead())["id"] == 1


async def test_letters_beyond_the_basic_plane_arrive_escaped_or_not(shared: Api) -> None:
    plain = '{"lead_title": "\U0001f600 é", "lead_status": 1, "lead_categoryid": 3}'.encode()
    escaped = b'{"lead_title": "\\ud83d\\ude00 \\u00e9", "lead_status": 1, "lead_categoryid": 3}'

    titles = [(await sent(shared, body)).json()["data"]["title"] for body in (plain, escaped)]

    assert titles == ["\U0001f600 é"] * 2


async def test_what_is_answered_is_utf_8_and_not_escaped_for_html(shared: Api) -> None:
    lead = await shared.lead(lead_title="<b>é & \u2028</b>")

    answer = await shared.get(f"/api/leads/{lead['id']}")

    assert "<b>é & \u2028</b>".encode() in answer.content


def padded(size: int) -> bytes:
    body = b'{"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}'
    return body + b" " * (size - len(body))


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


async def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(serve: Serve) -> None:
    async with serve(max_body_bytes=LIMIT) as api:
        for content_type in (JSON, FORM, "text/plain", None):
            whole = await sent(api, padded(LIMIT + 1), content_type)
            pieces = await sent(api, in_pieces(padded(LIMIT + 1)), content_type)
            for answer in (whole, pieces):
                assert answer.status_code == 413
                assert_enveloped(answer)

        assert (await sent(api, padded(LIMIT))).status_code == 201
        assert (await sent(api, in_pieces(padded(LIMIT)))).status_code == 201


async def test_the_default_limit_is_one_mebibyte(shared: Api) -> None:
    assert (await sent(shared, padded(2**20))).status_code == 201
    assert (await sent(shared, padded(2**20 + 1))).status_code == 413


async def test_a_body_that_is_announced_as_too_large_is_not_read(serve: Serve) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"{}"

    async with serve(max_body_bytes=LIMIT) as api:
        for length in (LIMIT + 1, 10**30):
            headers = {"Content-Type": JSON, "Content-Length": str(length)}
            assert (await api.call("POST", "/api/leads", content=body(), headers=headers)).status_code == 413

    assert not read


async def test_a_body_that_is_announced_as_smaller_than_it_is_is_refused(serve: Serve) -> None:
    async with serve(max_body_bytes=LIMIT) as api:
        headers = {"Content-Type": JSON, "Content-Length": "2"}
        answer = await api.call("POST", "/api/leads", content=in_pieces(padded(5000)), headers=headers)

    assert answer.status_code == 413


async def test_an_endless_body_is_given_up_at_the_limit(serve: Serve) -> None:
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 512

    async with serve(max_body_bytes=LIMIT) as api:
        assert (await sent(api, endless())).status_code == 413

    assert pieces == 3


async def test_every_endpoint_that_changes_something_refuses_a_body_over_the_limit(serve: Serve) -> None:
    changing = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]
    async with serve(max_body_bytes=LIMIT) as api:
        answers = {
            endpoint.name: await sent(api, padded(LIMIT + 1), JSON, endpoint.at(ONES), endpoint.method)
            for endpoint in changing
        }

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 413)


@pytest.mark.parametrize("action", ["archive", "activate"])
async def test_a_body_of_an_action_that_takes_none_is_not_parsed(api: Api, action: str) -> None:
    lead = await api.lead()
    bodies = [(b"{", JSON), (b"\xff", FORM), (b"x", "text/plain"), (b"x", None), (b"[]", JSON), (b'{"a": 1}', JSON)]

    for content, content_type in bodies:
        answer = await sent(api, content, content_type, f"/api/leads/{lead['id']}/{action}", "PUT")
        assert answer.status_code == 200


async def test_a_body_that_stops_coming_is_given_up_within_the_deadline(serve: Serve) -> None:
    async def stopping() -> AsyncIterator[bytes]:
        yield b'{"lead_title": '
        await asyncio.Event().wait()

    async with serve(request_timeout=2.0) as api:
        await api.get("/api/leads")  # what the next request would wait for besides its body is at hand now
        answer = await asyncio.wait_for(sent(api, stopping()), 10)

    assert_fails(answer, 408, "The request body did not arrive in time. Please send it again.")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, br", "x" * 300])
async def test_an_encoded_body_is_refused_and_its_encoding_named(shared: Api, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    answer = await shared.post("/api/leads", content=b"\x1f\x8b", headers=headers)

    text = f"The request body must not be encoded: Content-Encoding {encoding[:100]} is not supported."
    assert_fails(answer, 415, text)


@pytest.mark.parametrize("encoding", ["", "identity", "IDENTITY"])
async def test_a_body_that_is_not_encoded_may_say_so(shared: Api, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}

    assert (await shared.post("/api/leads", body, headers=headers)).status_code == 201


async def test_no_body_has_no_encoding_and_archive_looks_at_none(shared: Api) -> None:
    lead = await shared.lead()
    headers = {"Content-Encoding": "gzip"}

    empty = await shared.post("/api/leads", headers=headers)
    archived = await shared.put(f"/api/leads/{lead['id']}/archive", content=b"\x1f\x8b", headers=headers)

    assert (empty.status_code, archived.status_code) == (422, 200)
