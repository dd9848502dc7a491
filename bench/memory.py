"""Does the service's memory grow? A million requests, and its resident memory on the way.

    python -m bench.memory --server-binary /path/to/a/server

All operations take turns, with 32 connections. Searches and pages are hardly ever the same twice, as what is
remembered of them is what could grow.
"""

import argparse
import sys
from pathlib import Path

from bench.load import load, settle, tree
from bench.servers import database, peers
from bench.target import Target, name_of

_TURN = {
    "get": 20, "invalid": 8, "pages": 3, "any_search": 3, "patch": 2, "status": 1, "convert": 1, "comment": 2,
    "create": 4,
}  # fmt: skip
"""Seconds of each operation in a turn; what it has left in the database is undone when the next one begins."""


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and all below it, in MB."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid))
    return pages * 4096 / 1e6


def main() -> int:
    """Load the service, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description="Watch the service's memory.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    # Few, as a server that looks at all leads for a search or a page would let requests wait until they fail.
    parser.add_argument("--leads", type=int, default=1000, help="leads in the database; what is missing is written")
    parser.add_argument("--peer", default="leads", choices=["leads", "leads-pymongo"])
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args()
    with database(options.server_binary, None) as (uri, database_pid, _):
        target = Target(uri, name_of(options.leads), options.leads)
        target.prepare()
        key = target.key()
        with peers([options.peer], uri, target.name, key) as servers:
            server = servers[options.peer]
            sys.stdout.write(f"| requests | resident MB |\n| ---: | ---: |\n| 0 | {resident_mb(server.pid):.1f} |\n")
            done = errors = 0
            while done < options.requests:
                target.prepare()
                for operation, seconds in _TURN.items():
                    settle([server.pid, database_pid] if database_pid else [server.pid])
                    run = load(
                        server, operation, concurrency=32, seconds=seconds, leads=options.leads, key=key,
                        database_pid=None,
                    )  # fmt: skip
                    done += run.answers
                    errors += run.errors
                    if run.errors:
                        sys.stderr.write(f"{run.errors} of {run.answers} of {operation} had an error.\n")
                sys.stdout.write(f"| {done} | {resident_mb(server.pid):.1f} |\n")
                sys.stdout.flush()
    sys.stdout.write(f"\nErrors: {errors}\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
