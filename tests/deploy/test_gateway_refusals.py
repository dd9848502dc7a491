"""What the gateway answers itself, in the contract's envelope (section 1, "Errors"), and what it cuts off."""

import pytest

from tests.deploy.conftest import (
    OpenGateway,
    always_ok,
    assert_envelope,
    calling,
    free_port,
    never,
    parsed,
    raw,
    standing_in,
)

UNAVAILABLE = "The service is temporarily unavailable. Please try again."


@pytest.mark.parametrize(
    ("request_head", "status", "message"),
    [
        (b"GET /api/leads?search=" + b"a" * 9000 + b" HTTP/1.1", 414, "The request line is too long."),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 9000, 431, "The request headers are too large."),
        (
            b"GET / HTTP/1.1" + b"".join(b"\r\nX-%d: %s" % (number, b"a" * 7000) for number in range(6)),
            431,
            "The request headers are too large.",
        ),
        (b"G=T / HTTP/1.1", 400, "The request could not be read."),
        (b"GET /%00 HTTP/1.1", 400, "The request could not be read."),
        (b"GET / HTTP/3.0", 505, "The HTTP version is not supported."),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: odd",
            501,
            "The request uses a transfer encoding that is not supported.",
        ),
        (b"TRACE / HTTP/1.1", 405, "Method not allowed."),
        (b"GET /metrics HTTP/1.1", 404, "Not found."),
        (b"GET /%6detrics/ HTTP/1.1", 404, "Not found."),
        (b"GET /crm/metrics HTTP/1.1", 404, "Not found."),
        (b"GET /a/crm/metrics/?a HTTP/1.1", 404, "Not found."),
        (b"GET /api/metrics HTTP/1.1", 404, "Not found."),
        (b"GET /api/leads/by-external-id/a/../../../../crm/metrics HTTP/1.1", 404, "Not found."),
        (b"GET /gateway-answer HTTP/1.1", 404, "Not found."),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else "",
)
async def test_what_the_gateway_refuses_is_told_in_the_envelope_and_never_reaches_the_service(
    open_gateway: OpenGateway, request_head: bytes, status: int, message: str
) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            answer = parsed(await raw(port, request_head + b"\r\nHost: leads.test\r\nConnection: close\r\n\r\n"))

    assert_envelope(answer, status, message)
    assert ("allow" in answer.headers) == (status == 405)
    assert "retry-after" not in answer.headers
    assert stand_in.heads == []


async def test_the_version_of_the_gateway_is_not_told(gateway: int) -> None:
    own = parsed(await raw(gateway, b"NONSENSE\r\n\r\n"))
    async with calling(gateway) as http:
        passed = await http.get("/health/live")

    assert own.headers["server"] == passed.headers["server"] == "nginx"


async def test_without_the_service_callers_are_told_to_try_again(open_gateway: OpenGateway) -> None:
    with open_gateway(free_port()) as port:
        async with calling(port) as http:
            answer = await http.get("/api/leads", headers={"X-Request-ID": "mine-1"})
            head = await http.head("/api/leads")
            deletion = await http.delete("/api/leads/1")

    assert_envelope(answer, 502, UNAVAILABLE)
    assert_envelope(deletion, 502, UNAVAILABLE)
    assert deletion.headers["retry-after"] == "1"
    assert answer.headers["retry-after"] == head.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"] == "mine-1"
    assert head.status_code == 502
    assert head.content == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_set(
    open_gateway: OpenGateway, method: str
) -> None:
    async with standing_in(never) as (_, upstream):
        with open_gateway(upstream, GATEWAY_UPSTREAM_TIMEOUT="1s") as port:
            async with calling(port) as http:
                answer = await http.request(method, "/api/leads", json={})

    assert_envelope(answer, 504, "The service did not answer in time. Please try again.")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: leads.test\r\nX-Slow: a",
        b"POST / HTTP/1.1\r\nHost: leads.test\r\nContent-Length: 9\r\n\r\nab",
    ],
    ids=["headers", "body"],
)
async def test_a_request_that_does_not_arrive_is_cut_off_and_keeps_nothing_of_the_service_busy(
    open_gateway: OpenGateway, sent: bytes
) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream, GATEWAY_HEADER_TIMEOUT="1s", GATEWAY_BODY_TIMEOUT="1s") as port:
            received = await raw(port, sent)

    assert received == b""
    assert stand_in.connections == 0


@pytest.mark.parametrize("external_id", ["metrics", "a%2Fmetrics"])
async def test_a_lead_may_be_called_metrics(open_gateway: OpenGateway, external_id: str) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            path = f"/api/leads/by-external-id/{external_id}"
            await raw(port, f"GET {path} HTTP/1.1\r\nHost: leads.test\r\nConnection: close\r\n\r\n".encode())

    assert [head.split(b" ")[1] for head in stand_in.heads] == [path.encode()]
