"""Connections are accepted many at a time, so that none waits where nobody sees it."""

import asyncio
import socket
from contextlib import ExitStack

import pytest
import uvloop

from leads_api.server import http
from leads_api.server.processes import Config, DrainingServer
from leads_api.server.protocol import Protocol

CALLERS = 300
SECONDS = 120.0


async def application(scope: object, receive: object, send: object) -> None:
    """Nothing is asked of it."""


async def started(listener: socket.socket) -> tuple[DrainingServer, asyncio.Task[None]]:
    server = DrainingServer(Config(application, drain_seconds=0, http=Protocol, lifespan="off", log_config=None))
    serving = asyncio.create_task(server._serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    return server, serving


async def iterations_to_accept(listener: socket.socket) -> int:
    """Open connections while the event loop is busy; return in how many iterations it accepts all of them."""
    server, serving = await started(listener)
    with ExitStack() as callers:
        for _ in range(CALLERS):
            callers.enter_context(socket.create_connection(listener.getsockname(), SECONDS))
        count = 0
        while len(server.server_state.connections) < CALLERS:
            await asyncio.sleep(0)
            count += 1
    server.should_exit = True
    await serving
    return count


def test_connections_that_came_while_the_event_loop_was_busy_are_accepted_together() -> None:
    with http.listen("127.0.0.1", 0) as listener:
        assert uvloop.run(iterations_to_accept(listener)) < CALLERS / 5


def test_connections_that_come_just_before_the_server_stops_are_closed_and_not_reset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[socket.socket] = []

    def come(listener: socket.socket) -> None:
        opened.extend(socket.create_connection(listener.getsockname(), SECONDS) for _ in range(CALLERS))

    async def serve_and_stop(listener: socket.socket) -> None:
        server, serving = await started(listener)
        server.should_exit = True
        await serving

    monkeypatch.setattr("leads_api.server.processes.drop_handshakes", come)
    monkeypatch.setattr("leads_api.server.processes.ACCEPT_SECONDS", 0)
    with http.listen("127.0.0.1", 0) as listener, ExitStack() as callers:
        uvloop.run(serve_and_stop(listener))
        for caller in opened:
            callers.enter_context(caller)

        assert {caller.recv(1) for caller in opened} == {b""}
