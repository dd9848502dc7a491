"""The soak: a mixed load at 60 % of the peak, then three times the peak; see README.md.

    python -m bench.soak --minutes 15 --server-binary /path/to/a/server --picture bench/soak.png

Exits with 1 if the service does not keep what it promises.
"""

import argparse
import asyncio
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from time import monotonic

import uvloop

from bench.data import CONVERTED_EVERY
from bench.load import cpu_ms
from bench.servers import DATA, CannotRun, Server, database, free_port
from bench.soak.client import Client
from bench.soak.mix import Mix
from bench.soak.phases import Load
from bench.soak.report import GOODPUT, RECOVERED_SECONDS, Soak
from bench.soak.served import INSIDE
from bench.soak.watch import Watch
from bench.target import Target, name_of

STEADY, OVERLOAD = 0.6, 3.0
"""Shares of the peak."""
CALLERS = 32, 128
"""The peak is the better one of two loads of so many callers at a time."""
LEADS = 400
"""Few: stand-ins for the database read all leads for a list, and for a change that returns the lead."""
_LOOKS = 60
_REST_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 1 if the service did not keep what it promises."""
    options = _parser().parse_args(arguments)
    inside = DATA / "inside.json"
    try:
        with database(options.server_binary, options.server_pid) as (uri, database_pid, name):
            target = Target(uri, name_of(LEADS), LEADS)
            target.prepare(fresh=True)
            key, port = target.key(), free_port()
            environment = {
                "LEADS_MONGODB_URI": uri, "LEADS_MONGODB_DATABASE": target.name, "LEADS_DRAIN_SECONDS": "0",
                INSIDE: str(inside),
            }  # fmt: skip
            command = [sys.executable, "-m", "bench.soak.served", "serve", "--port", str(port)]
            server = Server("soak", command, environment, port)
            try:
                server.wait_for_answer(key)
                pids = [pid for pid in (server.pid, database_pid) if pid]
                load = Load(
                    Client("127.0.0.1", port), _mix(key, options.without), lambda: sum(map(cpu_ms, pids)) / 1000
                )
                soak = uvloop.run(_run(options, load, Watch(server.pid, inside, lambda: load.client.connections)))
            finally:
                server.stop()
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Database: {name}, {LEADS} leads.\n\n{soak.tables()}")
    if options.picture:
        from bench.soak.plot import draw  # noqa: PLC0415 - a picture alone needs matplotlib

        draw(soak, options.picture)
    faults = soak.faults(options.goodput)
    for fault in faults:
        sys.stdout.write(f"\nFAILED: {fault}\n")
    return 1 if faults else 0


async def _run(options: argparse.Namespace, load: Load, watch: Watch) -> Soak:
    before = await watch.look()
    await load.closed(at_once=CALLERS[0], seconds=min(2.0, options.peak_seconds))
    peaks = [await load.closed(at_once=callers, seconds=options.peak_seconds) for callers in CALLERS]
    peak = max(answers.good / answers.length for answers in peaks)
    steady_seconds = options.minutes * 60
    async with watch.every(steady_seconds / _LOOKS) as during:
        steady = await load.opened(rate=lambda: options.steady * peak, seconds=steady_seconds)
        await steady.all()
    per_cpu_second = max(answers.good / answers.cpu for answers in peaks)
    rate = _Scaled(load, OVERLOAD * per_cpu_second) if options.by_cpu else lambda: OVERLOAD * peak
    async with watch.every(options.overload_seconds / _LOOKS * 4) as above:
        overload = await load.opened(rate=rate, seconds=options.overload_seconds)
        recovery = await load.opened(rate=lambda: options.steady * peak, seconds=3 * RECOVERED_SECONDS)
    await overload.all()
    await recovery.all()
    load.client.close()
    await asyncio.sleep(_REST_SECONDS)
    return Soak(
        peaks=peaks, steady=steady, overload=overload, recovery=recovery, before=before, during=during, above=above,
        after=await watch.look(), by_cpu=options.by_cpu,
    )  # fmt: skip


class _Scaled:
    """A rate in proportion to the CPU time that the service and its database get: other processes take the rest."""

    _SECONDS = 0.5

    def __init__(self, load: Load, per_cpu_second: float) -> None:
        self._load = load
        self._per_cpu_second = per_cpu_second
        self._looked, self._spent = monotonic(), load.cpu()
        self._rate = per_cpu_second

    def __call__(self) -> float:
        passed = monotonic() - self._looked
        if passed > self._SECONDS:
            spent = self._load.cpu()
            self._rate = max(1.0, self._per_cpu_second * (spent - self._spent) / passed)
            self._looked, self._spent = self._looked + passed, spent
        return self._rate


def _mix(key: str, without: Collection[str]) -> Mix:
    return Mix(key, range(1, LEADS + 1), lambda lead: lead % CONVERTED_EVERY == 0, without)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="Load the service for long, then too much."
    )
    parser.add_argument("--minutes", type=float, default=15.0, help="of the steady load (default: 15)")
    parser.add_argument("--overload-seconds", type=float, default=60.0, help="default: 60")
    parser.add_argument("--peak-seconds", type=float, default=10.0, help="of each of two measurements (default: 10)")
    parser.add_argument(
        "--by-cpu", action="store_true",
        help="for a machine that has other work to do: compare what is done per second of CPU time, not of the clock",
    )  # fmt: skip
    parser.add_argument(
        "--without", type=lambda text: text.split(","), default=(),
        help="leave kinds of requests out, as in convert,clone,delete for a database that is slow at transactions",
    )  # fmt: skip
    parser.add_argument(
        "--steady", type=float, default=STEADY, help=f"the share of the peak that is sent for long (default: {STEADY})"
    )
    parser.add_argument(
        "--goodput", type=float, default=GOODPUT, help=f"the share of the peak that must remain (default: {GOODPUT})"
    )
    parser.add_argument("--picture", type=Path, help="write a picture (PNG or SVG) to this file")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    parser.add_argument("--server-pid", type=int, help="the process of the server of LEADS_MONGODB_URI")
    return parser


if __name__ == "__main__":
    sys.exit(main())
