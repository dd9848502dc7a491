"""What the gateway passes on, how often, and on which connections (contract, section 5, "X-Request-ID")."""

import json

import pytest

from tests.client import KEY
from tests.deploy.conftest import OK, OpenGateway, always_ok, calling, standing_in


async def first_ok_then_gone(number: int, _head: bytes) -> bytes | None:
    return OK if number == 1 else None


async def test_key_trace_and_path_reach_the_service_unchanged(open_gateway: OpenGateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                await http.get(
                    "/api/leads/%31/?search=a%2Fb",
                    headers={"Authorization": f"Bearer {KEY}", "traceparent": trace, "X-Forwarded-For": "203.0.113.9"},
                )

    (head,) = stand_in.heads
    assert head.startswith(b"GET /api/leads/%31/?search=a%2Fb HTTP/1.1\r\n")
    assert fields(head, "authorization") == [f"Bearer {KEY}"]
    assert fields(head, "traceparent") == [trace]
    assert fields(head, "x-forwarded-for") == ["127.0.0.1"]


@pytest.mark.parametrize("sent", [None, "not one", "x" * 129, 'quo"te'])
async def test_without_a_good_request_id_the_gateway_makes_one_for_all(
    open_gateway: OpenGateway, sent: str | None
) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                await http.get("/api/leads", headers={"X-Request-ID": sent} if sent else {})

    (identity,) = fields(stand_in.heads[0], "x-request-id")
    assert len(identity) == 32
    assert set(identity) <= set("0123456789abcdef")


async def test_an_etag_stays_a_strong_one_for_callers_that_take_gzip(open_gateway: OpenGateway) -> None:
    body = json.dumps({"data": "a" * 5000}).encode()
    answer = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "v7.3"\r\nContent-Length: %d\r\n\r\n%s'

    async def large(_number: int, _head: bytes) -> bytes | None:
        return answer % (len(body), body)

    async with standing_in(large) as (_, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                got = await http.get("/api/leads/1", headers={"Accept-Encoding": "gzip"})

    assert got.headers["etag"] == '"v7.3"'


async def test_many_requests_share_few_connections_to_the_service(open_gateway: OpenGateway) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                statuses = [(await http.get("/health/live")).status_code for _ in range(200)]

    assert statuses == [200] * 200
    assert stand_in.connections == 1


@pytest.mark.parametrize(("method", "status", "arrived"), [("GET", 200, 2), ("POST", 502, 1), ("PATCH", 502, 1)])
async def test_only_what_may_be_repeated_is_sent_again_when_the_service_goes_away(
    open_gateway: OpenGateway, method: str, status: int, arrived: int
) -> None:
    async with standing_in(first_ok_then_gone) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                await http.get("/warm-up")  # leaves an open connection, on which the next request is lost
                answer = await http.request(method, "/api/leads")

    assert answer.status_code == status
    assert sum(head.startswith(f"{method} /api/leads ".encode()) for head in stand_in.heads) == arrived


def fields(head: bytes, name: str) -> list[str]:
    """Return the values of a header."""
    lines = head.decode().split("\r\n")[1:]
    return [value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name]
