"""Answers that leave in one piece (app/leads_api/server/transport.py)."""

import asyncio

import pytest

from leads_api.server.transport import GatheringTransport
from tests.unit.server.conftest import Line


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
