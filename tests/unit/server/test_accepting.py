"""Connections are accepted many at a time, so that none waits where nobody sees it."""

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from leads_api.server import http
from leads_api.server.processes import Config, DrainingServer
from leads_api.server.protocol import Protocol

CALLERS = 300
SECONDS = 120.0


async def application(scope: object, receive: object, send: object) -> None:
    """Nothing is asked of it."""


async def iterations_to_accept(listener: socket.socket) -> int:
    """Open connections while the event loop is busy; return in how many iterations it accepts all of them."""
    server = DrainingServer(Config(application, drain_seconds=0, http=Protocol, lifespan="off", log_config=None))
    serving = asyncio.create_task(server._serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
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
