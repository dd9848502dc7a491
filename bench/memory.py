"""Does the service's memory grow? A million requests, and its resident memory on the way.

    python -m bench.memory --server-binary /path/to/a/server

Gets, creates, comments and refused creates take turns, with 32 connections.
"""

import argparse
import sys
from pathlib import Path

from bench.load import load, tree
from bench.run import key_of, prepare
from bench.servers import database, peers

_TURN = {"get": 20, "invalid": 8, "create": 4, "comment": 2}
"""Seconds of each operation in a turn."""


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and all below it, in MB."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid))
    return pages * 4096 / 1e6


def main() -> int:
    """Load the service, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description="Watch the service's memory.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--peer", default="leads", choices=["leads", "leads-pymongo"])
    parser.add_argument("--server-binary", type=Path)
    options = parser.parse_args()
    name = f"leads_bench_{options.leads}"
    with database(options.server_binary, None) as (uri, _, _):
        prepare(uri, name, options.leads, fresh=False)
        key = key_of(uri, name)
        with peers([options.peer], uri, name, key) as servers:
            server = servers[options.peer]
            sys.stdout.write(f"| requests | resident MB |\n| ---: | ---: |\n| 0 | {resident_mb(server.pid):.1f} |\n")
            done = errors = 0
            while done < options.requests:
                for operation, seconds in _TURN.items():
                    run = load(
                        server, operation, concurrency=32, seconds=seconds, leads=options.leads, key=key,
                        database_pid=None,
                    )  # fmt: skip
                    done += round(run.rps * seconds)
                    errors += run.errors
                sys.stdout.write(f"| {done} | {resident_mb(server.pid):.1f} |\n")
                sys.stdout.flush()
    sys.stdout.write(f"\nErrors: {errors}\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
