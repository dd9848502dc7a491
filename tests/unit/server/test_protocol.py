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
