"""The floor under a GET: what the bare driver costs for the same query, without any service around it.

    python -m bench.driver_floor --uri mongodb://127.0.0.1:27017/?replicaSet=rs0 --database leads_bench_10000

Prints the CPU time of this process per call, for each driver and number of calls at once: the median of some runs,
the drivers in turns.
"""

import argparse
import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from random import Random
from typing import Any

import uvloop
from pymongo import AsyncMongoClient, MongoClient

from app.leads.store import WHOLE
from app.mongo.client import close, connect

_WARM_UP_SECONDS = 0.3


class Loop:
    """Counts calls until its time is over."""

    def __init__(self, seconds: float, leads: int) -> None:
        self._until = time.perf_counter() + seconds
        self._leads = leads
        self._dice = Random(7)  # noqa: S311 - no secret, and the same for all
        self._lock: AbstractContextManager[Any] = nullcontext()
        self.calls = 0

    def shared(self) -> "Loop":
        """Let threads call it."""
        self._lock = threading.Lock()
        return self

    def next_id(self) -> int | None:
        """Return the id to ask for, None when the time is over."""
        with self._lock:
            if time.perf_counter() >= self._until:
                return None
            self.calls += 1
            return self._dice.randint(1, self._leads)


Driver = Callable[[str, str, Loop, int], None]


def sync(uri: str, database: str, loop: Loop, at_once: int) -> None:
    """PyMongo, a thread for each call at once."""
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client, ThreadPoolExecutor(at_once) as threads:
        leads = client[database]["leads"]

        def work(_: int) -> None:
            while (lead_id := loop.next_id()) is not None:
                leads.find_one({"_id": lead_id}, WHOLE)

        loop.shared()
        list(threads.map(work, range(at_once)))


def asynchronous(uri: str, database: str, loop: Loop, at_once: int) -> None:
    """PyMongo's AsyncMongoClient."""

    async def work() -> None:
        async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
            await _together(client[database]["leads"].find_one, loop, at_once)

    uvloop.run(work())


def motor(uri: str, database: str, loop: Loop, at_once: int) -> None:
    """Motor, connected as the service is."""

    async def work() -> None:
        client = connect(uri, request_timeout=5)
        await _together(client[database]["leads"].find_one, loop, at_once)
        await close(client)

    uvloop.run(work())


async def _together(find_one: Callable[..., Awaitable[Any]], loop: Loop, at_once: int) -> None:
    async def work() -> None:
        while (lead_id := loop.next_id()) is not None:
            await find_one({"_id": lead_id}, WHOLE)

    await asyncio.gather(*(work() for _ in range(at_once)))


DRIVERS: dict[str, Driver] = {"PyMongo": sync, "PyMongo async": asynchronous, "Motor": motor}


def measured(driver: Driver, options: argparse.Namespace, at_once: int) -> tuple[float, float]:
    """Return calls per second, and milliseconds of CPU per call."""
    driver(options.uri, options.database, Loop(_WARM_UP_SECONDS, options.leads), at_once)
    loop = Loop(options.seconds, options.leads)
    began, spent = time.perf_counter(), time.process_time()
    driver(options.uri, options.database, loop, at_once)
    return loop.calls / (time.perf_counter() - began), (time.process_time() - spent) * 1000 / loop.calls


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.driver_floor", description="Measure the bare drivers.")
    parser.add_argument("--uri", required=True, help="the server of a database that bench.run or bench.data has filled")
    parser.add_argument("--database", default="leads_bench_10000")
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    sys.stdout.write("| driver | at once | calls/s | CPU ms/call |\n| --- | ---: | ---: | ---: |\n")
    for at_once in (1, 32):
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in DRIVERS}
        for _ in range(options.runs):
            for name, driver in DRIVERS.items():
                results[name].append(measured(driver, options, at_once))
        for name, runs in results.items():
            rate, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
            sys.stdout.write(f"| {name} | {at_once} | {rate:.0f} | {cpu:.3f} |\n")


if __name__ == "__main__":
    main()
