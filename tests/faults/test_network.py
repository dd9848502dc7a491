"""A bad network between service and database: the service keeps its promises, answers in time, and recovers."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults.answers import assert_in_time, assert_one_reason, stalled
from tests.faults.database import Database
from tests.faults.extent import extent
from tests.faults.history import History
from tests.faults.judge import judged
from tests.faults.load import Load
from tests.simulators.network import Network
from tests.wire.process import Service, running

pytestmark = pytest.mark.own_database

TIMEOUT = "2"
TIMES = extent(bounded=3, full=20)
HOLES = extent(bounded=2, full=6)
"""Each may leave a transaction open, which locks a lead for a minute."""

Disturb = Callable[[Network, Load, Service], Awaitable[None]]


async def _late(network: Network, load: Load, service: Service) -> None:
    network.latency, network.jitter = 0.01, 0.04
    await load.acknowledged(20 * TIMES)


async def _slow(network: Network, load: Load, service: Service) -> None:
    network.bytes_per_second = 40_000
    await load.acknowledged(20 * TIMES)


async def _reset(network: Network, load: Load, service: Service) -> None:
    for _ in range(5 * TIMES):
        await load.acknowledged(3)
        network.reset()


async def _silent(network: Network, load: Load, service: Service) -> None:
    for _ in range(HOLES):
        await load.acknowledged(20)
        with network.black_hole():
            await service.until(503)
            await load.refused(5)
        await service.until(200)


async def _half_open(network: Network, load: Load, service: Service) -> None:
    for _ in range(TIMES):
        await load.acknowledged(20)
        network.forget()


DISTURBANCES: dict[str, Disturb] = {
    "latency and jitter": _late,
    "little bandwidth": _slow,
    "resets": _reset,
    "black hole": _silent,
    "half-open": _half_open,
}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
async def test_a_bad_network_breaks_no_promise(disturbance: str, database: Database, tmp_path: Path) -> None:
    history = History()
    database.start()
    async with (
        Network(database.uri) as network,
        running(
            tmp_path,
            LEADS_MONGODB_URI=network.uri,
            LEADS_REQUEST_TIMEOUT=TIMEOUT,
            LEADS_ACCESS_LOG="yes",
        ) as service,
    ):
        load = Load(history, service.url)
        async with load.running():
            late = asyncio.create_task(stalled(service))
            await DISTURBANCES[disturbance](network, load, service)
            network.latency = network.jitter = network.bytes_per_second = 0
            await service.until(200)
            await load.acknowledged(20)
            await late
        verdict = await judged(history, database.uri, service)
        answered = [request for request in history if request.status is not None]
        assert_one_reason(service, [request.mark for request in answered if request.status == 503])
        await assert_in_time(service, [request.mark for request in answered])

    sys.stdout.write(f"{disturbance}: {verdict}\n")
    assert verdict.faults == []
