"""The floor under a GET: what the bare driver costs for the same query, without any service around it.

    python -m bench.driver_floor --server-binary /path/to/a/server

Prints the CPU time of this process per call, for each driver and number of calls at once: the median of some runs,
the drivers in turns.
"""

import argparse
import asyncio
import json
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import uvloop
from pymongo import AsyncMongoClient, MongoClient

from bench.servers import database
from bench.target import Target, name_of
from leads_api.leads.store import WHOLE
from leads_api.mongo.client import close, connect

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


Driver = Callable[[Target, Loop, int], None]


def sync(target: Target, loop: Loop, at_once: int) -> None:
    """PyMongo, a thread for each call at once."""
    with MongoClient[dict[str, Any]](target.uri, tz_aware=True) as client, ThreadPoolExecutor(at_once) as threads:
        leads = client[target.name]["leads"]

        def work(_: int) -> None:
            while (lead_id := loop.next_id()) is not None:
                leads.find_one({"_id": lead_id}, WHOLE)

        loop.shared()
        list(threads.map(work, range(at_once)))


def asynchronous(target: Target, loop: Loop, at_once: int) -> None:
    """PyMongo's AsyncMongoClient."""

    async def work() -> None:
        async with AsyncMongoClient[dict[str, Any]](target.uri, tz_aware=True) as client:
            await _together(client[target.name]["leads"].find_one, loop, at_once)

    uvloop.run(work())


def motor(target: Target, loop: Loop, at_once: int) -> None:
    """Motor, connected as the service is."""

    async def work() -> None:
        client = connect(target.uri, request_timeout=5)
        await _together(client[target.name]["leads"].find_one, loop, at_once)
        await close(client)

    uvloop.run(work())


async def _together(find_one: Callable[..., Awaitable[Any]], loop: Loop, at_once: int) -> None:
    async def work() -> None:
        while (lead_id := loop.next_id()) is not None:
            await find_one({"_id": lead_id}, WHOLE)

    await asyncio.gather(*(work() for _ in range(at_once)))


DRIVERS: dict[str, Driver] = {"PyMongo": sync, "PyMongo async": asynchronous, "Motor": motor}


class Floor(NamedTuple):
    """The medians of one driver's runs."""

    driver: str
    at_once: int
    calls_per_second: float
    cpu_ms: float


def measured(driver: Driver, target: Target, at_once: int, seconds: float) -> tuple[float, float]:
    """Return calls per second, and milliseconds of CPU per call."""
    driver(target, Loop(_WARM_UP_SECONDS, target.leads), at_once)
    loop = Loop(seconds, target.leads)
    began, spent = time.perf_counter(), time.process_time()
    driver(target, loop, at_once)
    return loop.calls / (time.perf_counter() - began), (time.process_time() - spent) * 1000 / loop.calls


def floors(target: Target, at_once: int, *, runs: int, seconds: float) -> list[Floor]:
    """Return what each driver needs."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in DRIVERS}
    for _ in range(runs):
        for name, driver in DRIVERS.items():
            results[name].append(measured(driver, target, at_once, seconds))
    return [Floor(name, at_once, *map(statistics.median, zip(*done, strict=True))) for name, done in results.items()]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.driver_floor", description="Measure the bare drivers.")
    parser.add_argument("--leads", type=int, default=10_000, help="leads in the database; what is missing is written")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of one run")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    sys.stdout.write("| driver | at once | calls/s | CPU ms/call |\n| --- | ---: | ---: | ---: |\n")
    found: list[Floor] = []
    with database(options.server_binary, None) as (uri, _, _):
        target = Target(uri, name_of(options.leads), options.leads)
        target.prepare()
        for at_once in (1, 32):
            found += floors(target, at_once, runs=options.runs, seconds=options.seconds)
    for each in found:
        sys.stdout.write(f"| {each.driver} | {each.at_once} | {each.calls_per_second:.0f} | {each.cpu_ms:.3f} |\n")
    if options.json:
        content = {"floor": [each._asdict() for each in found]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
