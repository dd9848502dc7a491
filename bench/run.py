"""Measure the service and its peers on the same database, in turns, and print a table; see README.md.

python -m bench.run --leads 10000 --server-binary /path/to/a/mongodb-server > results.md
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import report
from bench.check import differences
from bench.load import OPERATIONS
from bench.report import Row
from bench.rounds import Rounds
from bench.servers import FLOORS, PEERS, VARIANTS, CannotRun, Server, database, install, obtainable, peers
from bench.target import Target, name_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 1 if there were errors that should not be."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        install(options.peers)
        with database(options.server_binary, options.server_pid) as (uri, pid, name):
            target = Target(uri, options.database or name_of(options.leads), options.leads)
            if not options.as_is:
                target.prepare(fresh=options.fresh)
            key = target.key()
            with peers(options.peers, uri, target.name, key) as servers:
                if faults := _faults(servers, key):
                    sys.stderr.write("\n".join(faults) + "\n")
                    return 1
                rounds = Rounds(
                    target=target, servers=list(servers.values()), database_pid=pid, key=key, runs=options.runs,
                    seconds=options.seconds, longest=options.longest, as_is=options.as_is,
                )  # fmt: skip
                rows = _printed(
                    (rounds.measure(*each) for each in itertools.product(options.operations, options.concurrency)),
                    report.facts(given, name, options.leads, options.peers),
                    options.json,
                )
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
        "--peers",
        type=choice([*PEERS, *VARIANTS]),
        default=obtainable(PEERS),
        help=f"default: {','.join(obtainable(PEERS))}; or {VARIANTS}",
    )
    parser.add_argument("--operations", type=choice(OPERATIONS), default=OPERATIONS, help=",".join(OPERATIONS))
    parser.add_argument("--concurrency", type=_numbers, default=[1, 32, 256], help="connections; default: 1,32,256")
    parser.add_argument("--runs", type=int, default=5, help="of each, in turns; the table has the medians")
    parser.add_argument("--seconds", type=int, default=3, help="of one run, where the server is quick enough")
    parser.add_argument("--longest", type=int, default=10, help="seconds of a run of a slow server, at most")
    parser.add_argument("--leads", type=int, default=10_000, help="leads in the database; what is missing is written")
    parser.add_argument("--database", help="its name; default: leads_bench_ and the number of leads")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    parser.add_argument("--server-pid", type=int, help="process of the server of LEADS_MONGODB_URI, for its CPU time")
    parser.add_argument("--fresh", action="store_true", help="drop the database first, and write all leads anew")
    parser.add_argument("--as-is", action="store_true", help="take the leads that are there; undo nothing")
    parser.add_argument("--json", type=Path, help="write each single run to this file as well")
    return parser


def choice(known: list[str]) -> Callable[[str], list[str]]:
    """Return a function that takes names, separated by commas, from an argument."""

    def chosen(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
        return names

    return chosen


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _faults(servers: dict[str, Server], key: str) -> list[str]:
    """Return where peers do other work than the service."""
    if "leads" not in servers:
        return []
    compared = [server for name, server in servers.items() if name != "leads" and name not in FLOORS]
    return [fault for server in compared for fault in differences(server, servers["leads"], key)]


def _printed(measured: Iterator[list[Row]], facts: dict[str, str], file: Path | None) -> list[Row]:
    """Print and write each group of rows as it comes, so that it is not lost if something later fails."""
    sys.stdout.write(report.heading(facts) + report.head())
    sys.stdout.flush()
    rows: list[Row] = []
    for group in measured:
        sys.stdout.write(report.lines(group))
        sys.stdout.flush()
        rows += group
        if file:
            content = {"facts": facts, "rows": [asdict(row) for row in rows]}
            file.write_text(json.dumps(content, indent=1) + "\n")
    return rows


if __name__ == "__main__":
    sys.exit(main())
