"""Requests of one connection, in their order (app/leads_api/server/protocol.py)."""

import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from leads_api.server.protocol import Protocol
from tests.unit.server.conftest import Line

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("request_bytes", [GET, POST])
async def test_no_more_is_read_while_requests_wait_for_the_one_before_them(line: Line, request_bytes: bytes) -> None:
    begun, turns = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        begun.release()
        await turns.acquire()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    protocol = Protocol(Config(app, lifespan="off", log_config=None), ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(line)
    protocol.data_received(request_bytes * 3)
    reading = []
    for _ in range(3):
        await begun.acquire()
        reading.append(line.reading)
        turns.release()
    await asyncio.gather(*protocol.tasks)
    reading.append(line.reading)
    protocol.connection_lost(None)

    assert reading == [False, False, True, True]


async def test_the_end_of_input_right_behind_a_response_does_not_lose_it(line: Line) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if not protocol.eof_received():  # in the iteration of the event loop whose end sends the response
            line.close()  # as the event loop does

    protocol = Protocol(Config(app, lifespan="off", log_config=None), ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(line)
    protocol.data_received(GET)
    await asyncio.gather(*protocol.tasks)
    await asyncio.sleep(0)
    protocol.connection_lost(None)

    assert b"".join(line.sent).startswith(b"HTTP/1.1 204")
    assert line.closed
