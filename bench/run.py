"""Measure the service and its peers on the same database, in turns, and print a table; see README.md.

python -m bench.run --leads 10000 --server-binary /path/to/a/mongodb-server > results.md
"""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from app.access.keys import KeyStore
from app.mongo.client import Client, close, connect
from app.mongo.ids import Ids
from bench import data, report
from bench.check import differences
from bench.load import OPERATIONS, Run, load, settle
from bench.report import Row
from bench.servers import PEERS, VARIANTS, CannotRun, Server, database, install, peers

T = TypeVar("T")

_FLOOR = {"asgi": {"get"}}
"""A floor answers one operation only."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 1 if there were errors that should not be."""
    options = _parser().parse_args(arguments)
    install(options.peers)
    try:
        with database(options.server_binary, options.server_pid) as (uri, pid, name):
            options.database = options.database or f"leads_bench_{options.leads}"
            if not options.as_is:
                prepare(uri, options.database, options.leads, fresh=options.fresh)
            key = key_of(uri, options.database)
            with peers(options.peers, uri, options.database, key) as servers:
                if faults := _faults(servers, key):
                    sys.stderr.write("\n".join(faults) + "\n")
                    return 1
                sys.stdout.write(report.heading(sys.argv[1:] if arguments is None else arguments, name, options.leads))
                rows = _printed(_measured(servers, options, uri, key, pid), options.json)
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    wrong = [row for row in rows if row.errors]
    for row in wrong:
        sys.stderr.write(f"{row.peer} answered {row.errors} errors: {row.operation}, {row.concurrency} at once\n")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Measure the service and its peers.")
    parser.add_argument(
        "--peers", type=_choice([*PEERS, *VARIANTS]), default=PEERS, help=f"default: {','.join(PEERS)}; or {VARIANTS}"
    )
    parser.add_argument("--operations", type=_choice(OPERATIONS), default=OPERATIONS, help=",".join(OPERATIONS))
    parser.add_argument("--concurrency", type=_numbers, default=[1, 32, 256], help="connections; default: 1,32,256")
    parser.add_argument("--runs", type=int, default=5, help="of each, in turns; the table has the medians")
    parser.add_argument("--seconds", type=int, default=3, help="of one run")
    parser.add_argument("--leads", type=int, default=10_000, help="leads in the database; what is missing is written")
    parser.add_argument("--database", help="its name; default: leads_bench_ and the number of leads")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    parser.add_argument("--server-pid", type=int, help="process of the server of LEADS_MONGODB_URI, for its CPU time")
    parser.add_argument("--fresh", action="store_true", help="drop the database first, and write all leads anew")
    parser.add_argument("--as-is", action="store_true", help="take the leads that are there; undo nothing")
    parser.add_argument("--json", type=Path, help="write each single run to this file as well")
    return parser


def _choice(known: list[str]) -> Callable[[str], list[str]]:
    def chosen(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
        return names

    return chosen


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def prepare(uri: str, name: str, leads: int, *, fresh: bool) -> None:
    """Write the leads that are missing in a database, and undo what earlier loads have created and converted."""

    async def work(client: Client) -> None:
        if fresh:
            await client.drop_database(name)
        await data.fill(client, name, leads)

    with_client(uri, work)


def key_of(uri: str, name: str) -> str:
    """Return a new key for a database."""

    async def work(client: Client) -> str:
        target = client[name]
        _, text = await KeyStore(target, Ids(target)).create("bench", user=1)
        return text

    return with_client(uri, work)


def with_client(uri: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Do something with a client of its own, and return what comes out."""

    async def whole() -> T:
        client = connect(uri, request_timeout=60)
        try:
            return await work(client)
        finally:
            await close(client)

    return asyncio.run(whole())


def _faults(servers: dict[str, Server], key: str) -> list[str]:
    """Return where peers do other work than the service."""
    if "leads" not in servers:
        return []
    compared = [server for name, server in servers.items() if name != "leads" and name not in _FLOOR]
    return [fault for server in compared for fault in differences(server, servers["leads"], key)]


def _printed(measured: Iterator[list[Row]], file: Path | None) -> list[Row]:
    """Print and write each group of rows as it comes, so that it is not lost if something later fails."""
    sys.stdout.write(report.head())
    rows: list[Row] = []
    for group in measured:
        sys.stdout.write(report.lines(group))
        sys.stdout.flush()
        rows += group
        if file:
            file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return rows


def _measured(
    servers: dict[str, Server], options: argparse.Namespace, uri: str, key: str, database_pid: int | None
) -> Iterator[list[Row]]:
    """Measure; yield the rows of each operation and concurrency."""
    pids = [server.pid for server in servers.values()] + ([database_pid] if database_pid else [])

    def run(server: Server, operation: str, concurrency: int, seconds: int) -> Run:
        settle(pids)
        if operation == "convert":
            with_client(uri, lambda client: data.restore_converted(client[options.database]))
        return load(
            server, operation, concurrency=concurrency, seconds=seconds, leads=options.leads, key=key,
            database_pid=database_pid,
        )  # fmt: skip

    for operation, concurrency in itertools.product(options.operations, options.concurrency):
        able = [server for server in servers.values() if operation in _FLOOR.get(server.name, OPERATIONS)]
        for server in able:
            run(server, operation, concurrency, 1)  # warms up
        runs: dict[str, list[Run]] = {server.name: [] for server in able}
        for _, server in itertools.product(range(options.runs), able):
            runs[server.name].append(run(server, operation, concurrency, options.seconds))
        yield [_row(operation, concurrency, name, done) for name, done in runs.items()]


def _row(operation: str, concurrency: int, peer: str, runs: list[Run]) -> Row:
    known = [run.database_ms for run in runs if run.database_ms is not None]
    return Row(
        operation=operation,
        concurrency=concurrency,
        peer=peer,
        rps=statistics.median(run.rps for run in runs),
        p50_ms=statistics.median(run.p50_ms for run in runs),
        p99_ms=statistics.median(run.p99_ms for run in runs),
        errors=sum(run.errors for run in runs),
        cpu_ms=statistics.median(run.cpu_ms for run in runs),
        database_ms=statistics.median(known) if known else None,
        runs=runs,
    )


if __name__ == "__main__":
    sys.exit(main())
