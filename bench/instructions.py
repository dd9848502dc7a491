"""Count the processor's instructions per request, of the service and its peers in turns, and print a table.

    python -m bench.instructions --peers leads-before,leads --operations get,invalid --server-binary /path/to/a/server

Valgrind counts them (Debian has a package), which makes a server some fifty times slower. On a quiet machine, its
runs differ by 3 % at most. On a busy one, the server answers too few requests for that. Instructions are not time: some
wait for memory.

What a server does by itself is counted while it is idle, and subtracted. The relay of events has less to do at once
than at full speed, so that a change costs more here.
"""

import argparse
import itertools
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load import OPERATIONS, load
from bench.run import choice
from bench.servers import DATA, PEERS, VARIANTS, CannotRun, Server, database, install, peers
from bench.target import Target, name_of

_DUMP = "instructions"
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)$", re.MULTILINE)
_UNDER_VALGRIND = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={DATA / _DUMP}.%p"]
_LAST_SECONDS = 0.5
"""What the requests take, at most, that are in progress when a load ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """How the servers are loaded whose instructions are counted."""

    target: Target
    key: str
    concurrency: int
    seconds: int

    def begin(self, server: Server, operation: str) -> None:
        """Count from now on. What the server does at its first requests is not part of what is measured."""
        _control(server, "--instr=on")
        self._load(server, operation)

    def idle(self, server: Server) -> float:
        """Return the instructions per second without a request."""
        _control(server, "--zero")
        began = time.monotonic()
        time.sleep(self.seconds)
        return _total(server) / (time.monotonic() - began)

    def per_request(self, server: Server, operation: str, idle: float) -> float:
        """Return the instructions per request of one run, without the idle ones. Raises CannotRun."""
        self.target.undo(operation)
        _control(server, "--zero")
        began = time.monotonic()
        answers = self._load(server, operation)
        time.sleep(_LAST_SECONDS)
        return (_total(server) - idle * (time.monotonic() - began)) / answers

    def _load(self, server: Server, operation: str) -> int:
        run = load(
            server, operation, concurrency=self.concurrency, seconds=self.seconds, leads=self.target.leads,
            key=self.key, database_pid=None,
        )  # fmt: skip
        if run.errors:
            raise CannotRun(f"{server.name}: {run.errors} errors and {run.answers} answers.")
        return run.answers


def _total(server: Server) -> int:
    """Return the instructions since the last time that they were set to zero."""
    before = set(DATA.glob(f"{_DUMP}.{server.pid}.*"))
    _control(server, "--dump")
    dumps = set(DATA.glob(f"{_DUMP}.{server.pid}.*")) - before
    total = sum(int(_TOTAL.findall(dump.read_text())[-1]) for dump in dumps)
    for dump in dumps:
        dump.unlink()
    return total


def _control(server: Server, order: str) -> None:
    control = shutil.which("callgrind_control")
    if control is None:
        raise CannotRun("Install Valgrind (Debian, Ubuntu: sudo apt-get install valgrind).")
    subprocess.run([control, order, str(server.pid)], check=True, capture_output=True, timeout=120)


def measured(counter: Counter, servers: Sequence[Server], operation: str, runs: int) -> list[str]:
    """Return a line of the table for each server."""
    for server in servers:
        counter.begin(server, operation)
    idle = {server.name: counter.idle(server) for server in servers}
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for _, server in itertools.product(range(runs), servers):
        found[server.name].append(counter.per_request(server, operation, idle[server.name]))
    first = statistics.median(found[servers[0].name])
    return [
        f"| {operation} | {counter.concurrency} | {name} | {statistics.median(each) / 1000:,.0f} | "
        f"{statistics.median(each) / first:.3f} | {', '.join(f'{run / 1000:,.0f}' for run in sorted(each))} | "
        f"{idle[name] / 1e6:,.0f} |\n"
        for name, each in found.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a server does not start, or answers with errors."""
    known = [*PEERS, *VARIANTS]
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description="Count instructions per request.")
    parser.add_argument("--peers", type=choice(known), default=["leads"], help=f"the first is compared with; {known}")
    parser.add_argument("--operations", type=choice(OPERATIONS), default=["get", "create", "invalid"])
    parser.add_argument("--concurrency", type=int, default=8, help="connections")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; the table has the medians")
    parser.add_argument("--seconds", type=int, default=10, help="of one run")
    parser.add_argument("--leads", type=int, default=10_000, help="leads in the database; what is missing is written")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args(arguments)
    try:
        install(options.peers)
        with database(options.server_binary, None) as (uri, _, name):
            target = Target(uri, name_of(options.leads), options.leads)
            target.prepare()
            counter = Counter(target=target, key=target.key(), concurrency=options.concurrency, seconds=options.seconds)
            with peers(options.peers, uri, target.name, counter.key, under=_UNDER_VALGRIND) as servers:
                sys.stdout.write(
                    f"Database: {name}.\n\n"
                    "| operation | at once | server | 1000 instructions/request | of the first | runs | idle |\n"
                    "| --- | ---: | --- | ---: | ---: | --- | ---: |\n"
                )
                for operation in options.operations:
                    sys.stdout.writelines(measured(counter, list(servers.values()), operation, options.runs))
                    sys.stdout.flush()
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
