"""The connection (contract, section 1): bytes on a socket, whatever they are."""

import json

import httpx
import pytest

from leads_api.server import protocol
from leads_api.testing import LeadsService
from tests.wire.server.raw import OFFERS, Answer, chunked, connect, request, talk, until

LEAD = json.dumps({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}).encode()
HIDDEN = b"DELETE /api/leads/999999 HTTP/1.1\r\nHost: leads.test\r\n\r\n"


def total(service: LeadsService) -> int:
    """Return how many leads there are."""
    answer = httpx.get(f"{service.url}/api/leads?limit=1", headers=service.headers).json()
    return int(answer["meta"]["total"])


def enveloped(answer: Answer, status: int) -> None:
    """Assert that an answer is a failure in the envelope, and closes the connection."""
    assert answer.status == status, answer
    assert list(answer.body) == ["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("fields", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("packets", [1, 2, 3])
@pytest.mark.parametrize("coding", ["sized", "chunked"])
async def test_no_byte_of_a_body_is_read_as_another_request(
    raw_service: LeadsService, fields: list[str], packets: int, coding: str
) -> None:
    before = total(raw_service)
    for body, status in ((HIDDEN, 400), (LEAD, 201)):
        framed = body if coding == "sized" else chunked(body)
        length = f"Content-Length: {len(body)}" if coding == "sized" else "Transfer-Encoding: chunked"
        head = request(
            raw_service, "POST", "/api/leads", fields=[*fields, "Content-Type: application/json", length], last=False
        )
        sent = {1: [head + framed], 2: [head, framed], 3: [head, framed[:5], framed[5:]]}[packets]

        answers = await talk(raw_service, *sent, request(raw_service, "GET", "/api/lead-statuses"))

        assert [answer.status for answer in answers] == [status, 200]
        assert "connection" not in answers[0].headers
    assert total(raw_service) == before + 1


@pytest.mark.parametrize("fields", OFFERS.values(), ids=OFFERS)
async def test_an_offer_is_ignored_on_every_method_and_path(raw_service: LeadsService, fields: list[str]) -> None:
    for method, path, status in (
        ("GET", "/api/lead-statuses", 200), ("GET", "/health/live", 200), ("OPTIONS", "/api/leads", 204),
        ("GET", "/nothing", 404), ("PUT", "/api/leads", 405),
    ):  # fmt: skip
        first = request(raw_service, method, path, fields=fields, last=False)
        answers = await talk(raw_service, first, request(raw_service, "GET", "/health/live"))
        assert [answer.status for answer in answers] == [status, 200]


async def test_trailer_fields_are_dropped(raw_service: LeadsService) -> None:
    before = total(raw_service)
    head = (
        b"POST /api/leads HTTP/1.1\r\nHost: leads.test\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n"
    )
    trailer = f"Authorization: Bearer {raw_service.key}\r\n".encode()

    answers = await talk(raw_service, head + chunked(LEAD, trailer=trailer))

    assert [answer.status for answer in answers][:1] == [401]
    assert total(raw_service) == before


REFUSED: dict[str, tuple[bytes, int]] = {
    "no request line": (b"nonsense\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a tab": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a method that is no token": (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\nHost: a\n\r\n\r\n", 400),
    "a bare carriage return": (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "a folded line": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "a NUL": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a bad host": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "another bad host": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    "a long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long target without an end": (b"GET /" + b"a" * 9000, 414),
    "a large header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 33_000 + b"\r\n\r\n", 431),
    "a large header without an end": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 33_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: aaaaaaaa\r\n" * 3000 + b"\r\n", 431),
    "another coding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked twice": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501),
    "identity": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    "two codings": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
    ),
    "coding and length": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400,
    ),
    "a coding in 1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a list of lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", 400),
    "a signed length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "a length in hex": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na", 400),
    "an empty length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
    "a huge length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "a target that is no path": (b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no path, with a body": (b"POST foo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 400),
    "a bad protocol": (b"GET / HTTX/1.1\r\nHost: a\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}  # fmt: skip
CHUNKS: dict[str, bytes] = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "not hex": b"xyz\r\nabc\r\n0\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\nabc\r\n0\r\n\r\n",
    "a huge size": b"f" * 17 + b"\r\nabc\r\n",
    "a bare line feed": b"3\nabc\r\n0\r\n\r\n",
    "a line feed in the extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a long line": b"3;" + b"a" * 2000 + b"\r\nabc\r\n0\r\n\r\n",
    "no end": b"3\r\nabcd\r\n0\r\n\r\n",
    "a bad trailer": b"0\r\nx y: z\r\n\r\n",
}


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_read_is_refused_in_the_envelope_and_closed(
    raw_service: LeadsService, sent: bytes, status: int
) -> None:
    answers = await talk(raw_service, sent + request(raw_service, "GET", "/health/live"))

    assert len(answers) == 1
    enveloped(answers[0], status)


@pytest.mark.parametrize("sent", CHUNKS.values(), ids=CHUNKS)
async def test_a_bad_chunk_is_refused_in_the_envelope_and_closed(raw_service: LeadsService, sent: bytes) -> None:
    before = total(raw_service)
    fields = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
    head = request(raw_service, "POST", "/api/leads", fields=fields, last=False)

    answers = await talk(raw_service, head, sent + request(raw_service, "GET", "/health/live"))

    assert len(answers) == 1
    enveloped(answers[0], 400)
    assert total(raw_service) == before


async def test_a_good_request_with_garbage_behind_it_has_its_answer(raw_service: LeadsService) -> None:
    good = request(raw_service, "GET", "/api/lead-statuses", last=False)

    for packets in ([good + b"garbage\r\n\r\n"], [good + good, b"garbage\r\n\r\n"]):
        *answers, refusal = await talk(raw_service, *packets)

        assert {answer.status for answer in answers} == {200}
        assert len(answers) == b"".join(packets).count(b"GET")
        enveloped(refusal, 400)


async def test_a_sender_that_half_closes_has_its_answers(raw_service: LeadsService) -> None:
    before = total(raw_service)
    two = [request(raw_service, "POST", "/api/leads", LEAD, last=False) for _ in range(2)]

    answers = await talk(raw_service, *two, end=True)

    assert [answer.status for answer in answers] == [201, 201]
    assert total(raw_service) == before + 2


async def test_a_body_that_ends_early_does_nothing(raw_service: LeadsService) -> None:
    before = total(raw_service)
    whole = request(raw_service, "POST", "/api/leads", LEAD, last=False)

    await talk(raw_service, whole[:-5], end=True)

    assert total(raw_service) == before


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Authorization: Bearer wrong", "Content-Length: 1000000000000"], 401),
        (["Content-Type: application/json", "Content-Length: 1000000000000"], 413),
    ],
)
async def test_an_answer_before_the_end_of_the_body_closes_the_connection(
    raw_service: LeadsService, fields: list[str], status: int
) -> None:
    head = request(raw_service, "POST", "/api/leads", fields=fields, last=False)
    if status == 401:
        head = head.replace(f"Authorization: Bearer {raw_service.key}\r\n".encode(), b"")

    answers = await talk(raw_service, head, b"x" * 100_000, HIDDEN)

    assert len(answers) == 1
    enveloped(answers[0], status)


async def test_a_small_body_that_nobody_needs_keeps_the_connection(raw_service: LeadsService) -> None:
    first = request(raw_service, "POST", "/api/leads", LEAD, last=False).replace(raw_service.key.encode(), b"wrong")

    answers = await talk(raw_service, first, request(raw_service, "GET", "/health/live"))

    assert [answer.status for answer in answers] == [401, 200]


async def test_bytes_beyond_ascii_in_the_target_are_read_as_utf_8(raw_service: LeadsService) -> None:
    name = "Müller"
    body = json.dumps({"lead_title": name, "lead_status": 1, "lead_categoryid": 3}).encode()
    await talk(raw_service, request(raw_service, "POST", "/api/leads", body))

    raw = request(raw_service, "GET", "/api/leads?search=NAME").replace(b"NAME", name.encode())
    bad = request(raw_service, "GET", "/api/leads?search=NAME").replace(b"NAME", b"\xff")
    path = request(raw_service, "GET", "/NAME").replace(b"NAME", name.encode())
    (found,), (refused,), (nothing,) = [await talk(raw_service, sent) for sent in (raw, bad, path)]

    assert name in [lead["title"] for lead in found.body["data"]]
    assert (refused.status, list(refused.body["errors"])) == (422, ["search"])
    assert nothing.status == 404


@pytest.mark.parametrize("method", ["PURGE", "FOO", "TRACE", "get", "CONNECT", "PROPFIND", "X-Y"])
async def test_an_unknown_method_is_not_allowed_and_the_others_are_named(
    raw_service: LeadsService, method: str
) -> None:
    path = "/" if method == "CONNECT" else "/api/leads"
    answers = await talk(raw_service, request(raw_service, method, path, LEAD))

    (answer,) = answers
    assert (answer.status, answer.body) == (405, {"message": "Method not allowed."})
    assert "GET" in answer.headers["allow"]


async def test_http_1_0_needs_no_host_and_gets_no_100(raw_service: LeadsService) -> None:
    head = f"POST /api/leads HTTP/1.0\r\nAuthorization: Bearer {raw_service.key}\r\nExpect: 100-continue\r\n"
    sent = f"{head}Content-Type: application/json\r\nContent-Length: {len(LEAD)}\r\n\r\n".encode() + LEAD

    answers = await talk(raw_service, sent)

    assert [answer.status for answer in answers] == [201]


async def test_http_1_1_gets_its_100(raw_service: LeadsService) -> None:
    whole = request(raw_service, "POST", "/api/leads", LEAD, ["Expect: 100-continue"])

    answers = await talk(raw_service, whole[: -len(LEAD)], LEAD)

    assert [answer.status for answer in answers] == [100, 201]


async def test_pipelined_requests_are_answered_in_their_order_each_with_its_own_time(raw_service: LeadsService) -> None:
    many = 200
    sent = [request(raw_service, "GET", f"/api/leads?page={n + 1}", last=n == many - 1) for n in range(many)]

    answers = await talk(raw_service, b"".join(sent))

    assert [answer.body["meta"]["current_page"] for answer in answers] == list(range(1, many + 1))


async def test_a_304_has_no_body_and_the_connection_goes_on(raw_service: LeadsService) -> None:
    (lead,) = await talk(raw_service, request(raw_service, "POST", "/api/leads", LEAD))
    path, tag = lead.headers["location"], lead.headers["etag"]
    known = [f"If-None-Match: {tag}"]

    answers = await talk(
        raw_service,
        request(raw_service, "GET", path, fields=known, last=False)
        + request(raw_service, "HEAD", path, fields=known, last=False)
        + request(raw_service, "GET", path),
    )

    assert [answer.status for answer in answers] == [304, 304, 200]
    assert answers[2].body["data"] == lead.body["data"]
    for answer in answers[:2]:
        assert answer.headers["etag"] == tag
        assert answer.headers["x-request-id"]
        assert not {"content-type", "content-length", "transfer-encoding", "connection"} & answer.headers.keys()


async def test_a_sender_that_half_closes_in_a_body_has_the_answers_before_it(raw_service: LeadsService) -> None:
    head = request(raw_service, "POST", "/api/leads", fields=["Content-Length: 5"], last=False)

    first, second = await talk(
        raw_service, request(raw_service, "GET", "/api/leads", last=False) + head + b"{", end=True
    )

    assert (first.status, second.status, second.headers["connection"]) == (200, 400, "close")


async def test_a_half_sent_head_ends_after_a_time(raw_service: LeadsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)

    answers = await talk(raw_service, b"GET / HTTP/1.1\r\nHost: a\r\nX-")

    (answer,) = answers
    enveloped(answer, 408)


async def test_a_caller_that_takes_nothing_is_cut_off_and_costs_no_others(
    raw_service: LeadsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.5)
    body = json.dumps({"lead_title": "Long", "lead_status": 1, "lead_categoryid": 3, "lead_description": "x" * 60_000})
    for _ in range(30):
        await talk(raw_service, request(raw_service, "POST", "/api/leads", body.encode()))
    page = request(raw_service, "GET", "/api/leads?limit=100&search=long", last=False)

    stalled = [await connect(raw_service.url) for _ in range(3)]
    for connection in stalled:
        connection.pause()
        await connection.send(page * 20)
    await until(lambda: bool(protocol._stalled), "callers that take nothing are noticed")
    answers = await talk(raw_service, request(raw_service, "GET", "/health/live"))
    answers += await talk(raw_service, request(raw_service, "POST", "/api/leads", LEAD))
    await until(lambda: not protocol._stalled, "they are cut off")

    assert [answer.status for answer in answers] == [200, 201]
    for connection in stalled:
        await connection.close()
