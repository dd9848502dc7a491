"""Callers who send slowly: others are served, memory is bounded, and the connections end (contract, section 1).

Callers who read slowly are in tests/wire/server/test_connection.py and test_unread_lists.py.
"""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from leads_api.server import protocol
from leads_api.testing import LeadsService, running_service
from tests.wire.server.raw import SECONDS, Answer, Connection, connect, request, talk

SLOW = 60
MAX_HEAD = 32 * 1024
HEAD = b"GET /api/leads HTTP/1.1\r\nHost: leads.test\r\n"
LEAD = json.dumps({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}).encode()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeadsService]:
    """A service with short limits: 1 s for a head, 1 s for a request."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)
    with running_service(environment={"LEADS_REQUEST_TIMEOUT": "1"}) as service:
        yield service


async def drip(connection: Connection, sent: bytes) -> Answer | None:
    """Send a byte at a time, for as long as the service reads; return its answer."""
    answer = asyncio.create_task(connection.answer())
    for byte in sent:
        connection.writer.write(bytes([byte]))
        await asyncio.wait({answer}, timeout=0.05)  # the pace of the attack
        if answer.done():
            break
    try:
        return await answer
    finally:
        await connection.close()


async def served(service: LeadsService) -> None:
    """Assert that others are served."""
    answers = await talk(service, request(service, "GET", "/api/leads?limit=1"))
    answers += await talk(service, request(service, "POST", "/api/leads", LEAD))
    assert [answer.status for answer in answers] == [200, 201]


async def test_heads_that_come_byte_by_byte_end_in_408_while_others_are_served(service: LeadsService) -> None:
    connections = [await connect(service.url) for _ in range(SLOW)]
    attack = [asyncio.create_task(drip(connection, HEAD + b"X: y\r\n" * 5000)) for connection in connections]

    await served(service)
    answers = await asyncio.gather(*attack)
    await served(service)

    assert {answer and answer.status for answer in answers} == {408}
    assert {answer and answer.headers["connection"] for answer in answers} == {"close"}


async def test_bodies_that_come_byte_by_byte_end_in_408_while_others_are_served(service: LeadsService) -> None:
    for fields in (["Content-Length: 100000"], ["Transfer-Encoding: chunked"]):
        head = request(service, "POST", "/api/leads", fields=["Content-Type: application/json", *fields], last=False)
        part = b" " * 5000 if "Content" in fields[0] else b"1\r\n \r\n" * 1000
        connections = [await connect(service.url) for _ in range(SLOW)]
        for connection in connections:
            await connection.send(head)
        attack = [asyncio.create_task(drip(connection, part)) for connection in connections]

        await served(service)
        answers = await asyncio.gather(*attack)
        await served(service)

        assert {answer and answer.status for answer in answers} == {408}
        assert {answer and answer.headers["connection"] for answer in answers} == {"close"}


async def test_a_body_of_somebody_without_a_key_is_not_waited_for(service: LeadsService) -> None:
    head = request(service, "POST", "/api/leads", fields=["Content-Length: 1000000"], last=False)
    answers = await talk(service, head.replace(service.key.encode(), b"wrong"), b"x")

    assert [answer.status for answer in answers] == [401]


async def test_what_slow_senders_make_the_service_keep_is_bounded(
    service: LeadsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SECONDS)
    await served(service)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = [await connect(service.url) for _ in range(SLOW)]
        for connection in held:
            connection.writer.write(HEAD + b"X: " + b"y" * (MAX_HEAD - 1000))
            await connection.writer.drain()
        await served(service)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    over = [await connect(service.url) for _ in range(2)]
    for connection in over:
        await connection.send(HEAD + b"X: " + b"y" * (2 * MAX_HEAD))
        answer = await connection.answer()
        assert answer is not None
        assert answer.status == 431
    for connection in [*held, *over]:
        await connection.close()

    # Each end of a connection has its buffers, and both ends are in this process.
    assert after - before < SLOW * 5 * MAX_HEAD
