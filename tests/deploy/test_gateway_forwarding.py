"""What the gateway passes on, how often, and on which connections (contract, section 5, "X-Request-ID")."""

import json

import httpx
import pytest

from tests.client import KEY
from tests.deploy.conftest import OK, Answer, always_ok, calling, standing_in
from tests.deploy.gateways import OpenGateway
from tests.deploy.processes import free_port


def one_lost() -> Answer:
    """Break the connection of the first request that is no warm-up, when it has arrived."""
    lost: list[bytes] = []

    async def answer(_number: int, head: bytes) -> bytes | None:
        if b" /warm-up " in head or lost:
            return OK
        lost.append(head)
        return None

    return answer


async def never_an_answer(_number: int, _head: bytes) -> bytes | None:
    return None


async def test_key_trace_and_path_reach_the_service_unchanged(open_gateway: OpenGateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                await http.get(
                    "/api/leads/by-external-id/a%2Fb%31/?search=a%2Fb",
                    headers={"Authorization": f"Bearer {KEY}", "traceparent": trace, "X-Forwarded-For": "203.0.113.9"},
                )

    (head,) = stand_in.heads
    assert head.startswith(b"GET /api/leads/by-external-id/a%2Fb%31/?search=a%2Fb HTTP/1.1\r\n")
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


async def test_preconditions_reach_the_service_and_its_answers_to_them_the_caller(open_gateway: OpenGateway) -> None:
    async def conditional(_number: int, head: bytes) -> bytes | None:
        if b"if-none-match" in head.lower():
            return b'HTTP/1.1 304 Not Modified\r\nETag: "v7.3"\r\n\r\n'
        if b"if-match" in head.lower():
            return b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\n{}"
        return OK

    async with standing_in(conditional) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                known = await http.get("/api/leads/1", headers={"If-None-Match": 'W/"v7.3"'})
                stale = await http.put("/api/leads/1/archive", headers={"If-Match": '"v6.3"'})
                taken = await http.get("/api/leads/1")

    assert (known.status_code, known.headers["etag"], known.content) == (304, '"v7.3"', b"")
    assert (stale.status_code, stale.content) == (412, b"{}")
    assert taken.status_code == 200
    first, second, _ = [head for head in stand_in.heads if b" /api/" in head]
    assert fields(first, "if-none-match") == ['W/"v7.3"']
    assert fields(second, "if-match") == ['"v6.3"']


async def test_many_requests_share_few_connections_to_the_service(open_gateway: OpenGateway) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                statuses = [(await http.get("/health/live")).status_code for _ in range(200)]

    assert statuses == [200] * 200
    # A gateway with several threads may open one for each.
    assert stand_in.connections <= 4


METHODS = {
    "GET": (200, 2),
    "HEAD": (200, 2),
    "POST": (502, 1),
    "PATCH": (502, 1),
    "PUT": (502, 1),
    "DELETE": (502, 1),
}
"""The status, and how often a request arrives whose connection breaks after the work.

HAProxy gives no answer but closes the caller's connection if the one that broke had carried a request of it before.
"""


@pytest.mark.parametrize("body", [b"", b"{}"], ids=["without body", "with body"])
@pytest.mark.parametrize(("method", "status", "arrived"), [(name, *values) for name, values in METHODS.items()])
async def test_only_what_may_be_repeated_is_sent_again_when_a_kept_connection_breaks(
    open_gateway: OpenGateway, method: str, status: int, arrived: int, body: bytes
) -> None:
    async with standing_in(one_lost()) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                await http.get("/warm-up")  # leaves an open connection, on which the next request is lost
                try:
                    got = (await http.request(method, "/api/leads", content=body)).status_code
                except (httpx.ReadError, httpx.RemoteProtocolError):
                    assert open_gateway.name == "haproxy"
                    got = 502

    assert got == status
    assert sum(head.startswith(f"{method} /api/leads ".encode()) for head in stand_in.heads) == arrived


@pytest.mark.parametrize(("method", "arrived"), [(name, arrived) for name, (_, arrived) in METHODS.items()])
async def test_only_what_may_be_repeated_is_sent_to_another_instance_when_a_new_connection_breaks(
    open_gateway: OpenGateway, method: str, arrived: int
) -> None:
    async with standing_in(never_an_answer) as (first, one), standing_in(never_an_answer) as (second, other):
        with open_gateway(one, other) as port:
            async with calling(port) as http:
                answer = await http.request(method, "/api/leads")

    assert answer.status_code == 502
    assert len(first.heads) + len(second.heads) == arrived


@pytest.mark.parametrize("method", list(METHODS))
async def test_every_request_goes_to_the_next_instance_if_the_connection_is_refused(
    open_gateway: OpenGateway, method: str
) -> None:
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(free_port(), upstream) as port:
            async with calling(port) as http:
                answers = [await http.request(method, "/api/leads", json={"number": n}) for n in range(20)]

    assert [answer.status_code for answer in answers] == [200] * 20
    assert len(stand_in.heads) == 20


@pytest.mark.parametrize("method", list(METHODS))
async def test_method_key_address_and_body_reach_the_service_whatever_the_method(
    open_gateway: OpenGateway, method: str
) -> None:
    sent = {"Authorization": f"Bearer {KEY}", "X-Request-ID": "mine-7", "X-Request-Method": "DELETE"}
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_gateway(upstream) as port:
            async with calling(port) as http:
                answer = await http.request(method, "/api/leads/%31/?a=b%2Fc", headers=sent, content=b"x" * 100_000)

    (head,) = stand_in.heads
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"v7.3"'
    assert head.startswith(f"{method} /api/leads/%31/?a=b%2Fc HTTP/1.1\r\n".encode())
    assert fields(head, "authorization") == [f"Bearer {KEY}"]
    assert fields(head, "x-request-id") == ["mine-7"]
    assert fields(head, "x-forwarded-for") == ["127.0.0.1"]
    assert fields(head, "x-forwarded-proto") == ["http"]
    assert fields(head, "content-length") == ["100000"]
    assert [host.partition(":")[0] for host in fields(head, "host")] == ["127.0.0.1"]
    if open_gateway.name == "nginx":  # which uses this header itself
        assert set(fields(head, "x-request-method")) <= {method}


def fields(head: bytes, name: str) -> list[str]:
    """Return the values of a header."""
    lines = head.decode().split("\r\n")[1:]
    return [value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name]
