"""What the gateway answers itself, in the contract's envelope (section 1, "Errors"), and what it cuts off."""

import pytest

from tests.deploy.conftest import always_ok, assert_envelope, calling, never, parsed, raw, standing_in
from tests.deploy.gateways import HAProxy, Nginx, OpenGateway, gateway_variables
from tests.deploy.processes import free_port

UNAVAILABLE = "The service is temporarily unavailable. Please try again."


LONG_LINE = b"GET /api/leads?search=" + b"a" * 9000 + b" HTTP/1.1"
MANY_HEADERS = b"GET / HTTP/1.1" + b"".join(b"\r\nX-%d: %s" % (number, b"a" * 7000) for number in range(6))
LARGE_BODY = b"POST /api/leads HTTP/1.1\r\nContent-Length: %d" % (
    int(gateway_variables()["GATEWAY_MAX_BODY_BYTES"]) + 1
)
REFUSED = {
    LONG_LINE: (414, "The request line is too long."),
    MANY_HEADERS: (431, "The request headers are too large."),
    LARGE_BODY: (413, "The request body is too large."),
    b"GET /metrics HTTP/1.1": (404, "Not found."),
    b"GET /metrics?format=text HTTP/1.1": (404, "Not found."),
    b"GET /%6detrics/ HTTP/1.1": (404, "Not found."),
    b"GET //metrics// HTTP/1.1": (404, "Not found."),
    b"GET /crm/metrics HTTP/1.1": (404, "Not found."),
    b"GET /a/crm/metrics/?a HTTP/1.1": (404, "Not found."),
    b"GET /api/metrics HTTP/1.1": (404, "Not found."),
}
REFUSED_BY_NGINX = {
    b"GET /api/leads/by-external-id/a/../../../../crm/metrics HTTP/1.1": (404, "Not found."),
    b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 9000: (431, "The request headers are too large."),
    b"G=T / HTTP/1.1": (400, "The request could not be read."),
    b"GET /%00 HTTP/1.1": (400, "The request could not be read."),
    b"GET / HTTP/3.0": (505, "The HTTP version is not supported."),
    b"POST / HTTP/1.1\r\nTransfer-Encoding: odd": (
        501,
        "The request uses a transfer encoding that is not supported.",
    ),
    b"TRACE / HTTP/1.1": (405, "Method not allowed."),
    b"GET /gateway-answer HTTP/1.1": (404, "Not found."),
}


def shown(value: object) -> str:
    return value[:24].decode() if isinstance(value, bytes) else ""


@pytest.mark.parametrize(("request_head", "refusal"), REFUSED.items(), ids=shown)
async def test_what_the_gateway_refuses_is_told_in_the_envelope_and_never_reaches_the_service(
    open_gateway: OpenGateway, request_head: bytes, refusal: tuple[int, str]
) -> None:
    await refused(open_gateway, request_head, *refusal)


@pytest.mark.parametrize(("request_head", "refusal"), REFUSED_BY_NGINX.items(), ids=shown)
async def test_what_nginx_cannot_read_is_told_in_the_envelope_as_well(
    open_nginx: Nginx, request_head: bytes, refusal: tuple[int, str]
) -> None:
    await refused(open_nginx, request_head, *refusal)


async def refused(open_gateway: OpenGateway, request_head: bytes, status: int, message: str) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            answer = parsed(await raw(port, request_head + b"\r\nHost: leads.test\r\nConnection: close\r\n\r\n"))

    assert_envelope(answer, status, message)
    assert ("allow" in answer.headers) == (status == 405)
    assert "retry-after" not in answer.headers
    assert stand_in.heads == []


@pytest.mark.parametrize("request_head", [b"G=T / HTTP/1.1", b"POST / HTTP/1.1\r\nTransfer-Encoding: odd"])
async def test_what_haproxy_cannot_read_it_refuses_in_its_own_words(open_haproxy: HAProxy, request_head: bytes) -> None:
    """Its built-in 400 cannot be configured (docs/operations.md)."""
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_haproxy(upstream) as port:
            answer = parsed(await raw(port, request_head + b"\r\nHost: leads.test\r\n\r\n"))

    assert (answer.status_code, answer.headers["connection"]) == (400, "close")
    assert stand_in.heads == []


async def test_the_version_of_the_gateway_is_not_told(open_gateway: OpenGateway) -> None:
    async with standing_in(always_ok) as (_, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                own = await http.get("/metrics")
                passed = await http.get("/api/leads")

    told = {answer.headers.get("server") for answer in (own, passed)}
    assert told == ({"nginx"} if open_gateway.name == "nginx" else {None})


async def test_without_the_service_callers_are_told_to_try_again(open_gateway: OpenGateway) -> None:
    with open_gateway(free_port()) as port:
        async with calling(port) as http:
            answer = await http.get("/api/leads", headers={"X-Request-ID": "mine-1"})
            head = await http.head("/api/leads")
            deletion = await http.delete("/api/leads/1")

    assert_envelope(answer, open_gateway.away, UNAVAILABLE)
    assert_envelope(deletion, open_gateway.away, UNAVAILABLE)
    assert deletion.headers["retry-after"] == "1"
    assert answer.headers["retry-after"] == head.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"] == "mine-1"
    assert head.status_code == open_gateway.away
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

    if open_gateway.name == "nginx":
        assert received == b""
    else:
        assert received.startswith(b"HTTP/1.1 408 ")
    assert stand_in.connections == 0


@pytest.mark.parametrize("external_id", ["metrics", "a%2Fmetrics"])
async def test_a_lead_may_be_called_metrics(open_gateway: OpenGateway, external_id: str) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            path = f"/api/leads/by-external-id/{external_id}"
            await raw(port, f"GET {path} HTTP/1.1\r\nHost: leads.test\r\nConnection: close\r\n\r\n".encode())

    assert [head.split(b" ")[1] for head in stand_in.heads] == [path.encode()]
