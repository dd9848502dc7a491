"""Requests of one connection, in their order (app/leads_api/server/protocol.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from leads_api.server import protocol as protocol_module
from leads_api.server.protocol import HEAD_SECONDS, LEAST_TAKEN, MAX_QUEUED, STALL_SECONDS, Protocol
from tests.unit.server.conftest import Clock, Line

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


App = Callable[[Any, Any, Any], Awaitable[None]]


async def empty(_scope: Any, receive: Any, send: Any) -> None:
    """Answer without a body."""
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Held:
    """An application that answers when it may."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.turns = asyncio.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.release()
        await self.turns.acquire()
        await empty(scope, receive, send)


@pytest.fixture
def connected(line: Line, clock: Clock) -> Iterator[Callable[..., Protocol]]:
    """Connect a caller with an application."""
    made: list[Protocol] = []
    state = ServerState()
    state.default_headers = [(b"date", b"today")]

    def connect(app: App = empty, over: Line = line) -> Protocol:
        loop: Any = clock
        protocol = Protocol(Config(app, lifespan="off", log_config=None), state, {}, loop)
        protocol.connection_made(over)
        made.append(protocol)
        return protocol

    yield connect
    for protocol in made:
        protocol.connection_lost(None)


Connect = Callable[..., Protocol]


@pytest.mark.parametrize("request_bytes", [GET, POST])
async def test_no_more_is_read_while_requests_wait_for_the_one_before_them(
    line: Line, connected: Connect, request_bytes: bytes
) -> None:
    app = Held()
    protocol = connected(app)

    protocol.data_received(request_bytes * 3)
    reading = []
    for _ in range(3):
        await app.begun.acquire()
        reading.append(line.reading)
        app.turns.release()
    await asyncio.gather(*protocol.tasks)
    reading.append(line.reading)

    assert reading == [False, False, False, True]


async def test_one_read_of_many_requests_queues_few_of_them(line: Line, connected: Connect) -> None:
    app = Held()
    protocol = connected(app)
    count = 5 * MAX_QUEUED

    protocol.data_received(POST * count + GET[:10])
    queued = [len(protocol.pipeline)]
    for _ in range(count):
        await app.begun.acquire()
        queued.append(len(protocol.pipeline))
        app.turns.release()
    await asyncio.gather(*protocol.tasks)
    await asyncio.sleep(0)
    protocol.data_received(GET[10:])
    await app.begun.acquire()

    assert max(queued) == MAX_QUEUED
    assert b"".join(line.sent).count(b"204 No Content") == count


async def test_the_end_of_input_right_behind_a_response_does_not_lose_it(line: Line, connected: Connect) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await empty(scope, receive, send)
        if not protocol.eof_received():  # in the iteration of the event loop whose end sends the response
            line.close()  # as the event loop does

    protocol = connected(app)
    protocol.data_received(GET)
    await asyncio.gather(*protocol.tasks)
    await asyncio.sleep(0)

    assert b"".join(line.sent).startswith(b"HTTP/1.1 204")
    assert line.closed


async def test_the_last_response_is_not_lost_to_what_the_caller_has_sent_behind_it(
    line: Line, connected: Connect
) -> None:
    app = Held()
    protocol = connected(app)
    protocol.data_received(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)

    app.turns.release()
    await asyncio.gather(*protocol.tasks)
    protocol.data_received(GET)  # it was on its way

    assert b"".join(line.sent).count(b"HTTP/1.1") == 1
    # Closing with unread input would reset the connection.
    assert (line.ended, line.reading, line.closed) == (True, True, False)


async def test_each_head_has_its_own_time(line: Line, clock: Clock, connected: Connect) -> None:
    protocol = connected()
    timers = []

    protocol.data_received(GET[:5])
    for _ in range(2):  # each read ends in a head that began in it
        timers += clock.active(HEAD_SECONDS)
        protocol.data_received(GET[5:] + GET[:5])
        await asyncio.gather(*protocol.tasks)
    timers += clock.active(HEAD_SECONDS)
    await clock.passes(HEAD_SECONDS)

    assert len(set(timers)) == 3
    sent = b"".join(line.sent)
    assert (sent.count(b" 204 "), sent.count(b" 408 "), sent.count(b"\r\ndate: today\r\n")) == (2, 1, 3)


async def test_a_head_is_not_late_while_nothing_is_read(line: Line, clock: Clock, connected: Connect) -> None:
    app = Held()
    protocol = connected(app)

    protocol.data_received(GET * 2 + GET[:5])
    paused = clock.active(HEAD_SECONDS)
    for _ in range(2):
        app.turns.release()
    await asyncio.gather(*protocol.tasks)
    await clock.passes(HEAD_SECONDS)

    assert paused == []
    sent = b"".join(line.sent)
    assert (sent.count(b" 204 "), sent.count(b" 408 ")) == (2, 1)


async def test_those_who_receive_nothing_for_the_longest_time_make_room(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol_module, "MAX_UNSENT", 250)
    lines = [Line() for _ in range(4)]
    for line in lines:
        protocol = connected(over=line)
        line.unsent = 100
        protocol.pause_writing()

    assert [line.aborted for line in lines] == [True, True, False, False]
    another = Line()
    protocol = connected(over=another)
    protocol.data_received(GET)
    await asyncio.gather(*protocol.tasks)
    await asyncio.sleep(0)
    assert b" 204 " in b"".join(another.sent)


@pytest.mark.parametrize(("taken", "aborted"), [(0, True), (LEAST_TAKEN - 1, True), (LEAST_TAKEN, False)])
async def test_a_caller_is_cut_off_who_takes_too_little_in_a_time(
    line: Line, clock: Clock, connected: Connect, taken: int, aborted: bool
) -> None:
    protocol = connected()

    line.unsent = 10 * LEAST_TAKEN
    protocol.pause_writing()
    line.unsent -= taken
    await clock.passes(STALL_SECONDS)
    at_first = line.aborted
    await clock.passes(STALL_SECONDS)

    assert (at_first, line.aborted) == (aborted, True)


@pytest.mark.parametrize(("left", "aborted"), [(0, False), (10, True)])
async def test_a_closed_connection_ends_though_its_caller_takes_nothing(
    line: Line, clock: Clock, connected: Connect, left: int, aborted: bool
) -> None:
    protocol = connected()
    line.unsent = 10

    protocol.data_received(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await asyncio.gather(*protocol.tasks)
    closed = line.closed
    line.unsent = left
    await clock.passes(STALL_SECONDS)

    assert (closed, line.aborted) == (True, aborted)
