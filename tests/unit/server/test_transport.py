"""Answers that leave in one piece (app/leads_api/server/transport.py)."""

import asyncio
from typing import Any

import pytest

from leads_api.server.transport import GatheringTransport


class Line(asyncio.Transport):
    """A connection that remembers what was sent over it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.sent: list[Any] = []
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.closed, "a closed connection takes nothing"
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def transport(line: Line) -> GatheringTransport:
    return GatheringTransport(line, asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_is_sent_at_once_and_in_order(
    line: Line, transport: GatheringTransport
) -> None:
    transport.write(b"head ")
    transport.write(b"")
    transport.write(b"body")
    before = list(line.sent)
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)

    assert before == []
    assert line.sent == [b"head body", b"next"]


async def test_what_was_written_before_the_end_is_sent_before_it(line: Line, transport: GatheringTransport) -> None:
    transport.write(b"last")
    transport.close()
    await asyncio.sleep(0)

    assert line.sent == [b"last"]
    assert line.closed


async def test_a_connection_that_the_other_side_has_closed_is_sent_nothing(
    line: Line, transport: GatheringTransport
) -> None:
    transport.write(b"late")
    line.close()
    await asyncio.sleep(0)
    transport.close()

    assert line.sent == []
    assert transport.is_closing()


async def test_reading_is_the_connections_own(line: Line, transport: GatheringTransport) -> None:
    transport.pause_reading()
    paused = line.reading
    transport.resume_reading()

    assert (paused, line.reading) == (False, True)
    assert transport.get_extra_info("peername") == ("127.0.0.1", 1)
    assert transport.get_extra_info("sslcontext") is None
