"""All figures of RESULTS.md, one table after the other, and at the end whether the goals are reached.

    python -m bench.all --server-binary /path/to/a/server --output results.md

The sizes are those for a server that looks at all leads for a list, a search or a change: README.md tells more.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.servers import DATA, FLOORS, PEERS, obtainable

_SECONDS_BETWEEN = 0.8
"""What it takes to undo a run, to let all processes come to rest, and to start the load."""
_SECONDS_TO_START = 25


class Part(NamedTuple):
    """A table of bench.run."""

    title: str
    leads: int
    operations: list[str]
    at_once: int
    runs: int
    seconds: int
    longest: int
    usual: float
    """Seconds that a run takes in the mean, the slow ones being longer."""
    peers: Sequence[str] = tuple(obtainable(PEERS))

    @property
    def arguments(self) -> list[str]:
        """Return what bench.run is told."""
        chosen = {
            "leads": self.leads, "peers": ",".join(self.peers), "operations": ",".join(self.operations),
            "concurrency": self.at_once, "runs": self.runs, "seconds": self.seconds, "longest": self.longest,
        }  # fmt: skip
        return ["--fresh", *(word for name, value in chosen.items() for word in (f"--{name}", str(value)))]

    @property
    def expected_seconds(self) -> float:
        """Return how long it takes."""
        floors = [server for server in self.peers if server in FLOORS]
        missing = sum(operation not in FLOORS[floor] for floor in floors for operation in self.operations)
        cells = len(self.peers) * len(self.operations) - missing
        warm_up = 1 + _SECONDS_BETWEEN
        return _SECONDS_TO_START + cells * (warm_up + self.runs * (self.usual + _SECONDS_BETWEEN))


_OF_MANY = ["get", "create", "create_keyed", "invalid", "convert"]
_OF_FEW = ["list", "pages", "status_list", "patch", "status", "mix", "comment"]
_TWO = ["leads", "leads-two-workers"]
_GO = obtainable(["leads", "leads-pymongo", "go"])
"""The goals at 1 and at 256 connections are shares of Go's CPU."""

PARTS = [
    Part("32 connections, 10 000 leads", 10_000, _OF_MANY, at_once=32, runs=5, seconds=2, longest=10, usual=2.2),
    Part("32 connections, 1 000 leads", 1000, _OF_FEW, at_once=32, runs=5, seconds=1, longest=10, usual=2.8),
    # Among 1 000, the server needs half a minute for as many searches as tell something.
    Part("32 connections, 200 leads", 200, ["search"], at_once=32, runs=5, seconds=1, longest=10, usual=5),
    Part("Two workers", 10_000, ["get", "invalid"], at_once=32, runs=5, seconds=2, longest=10, usual=2, peers=_TWO),
    Part("1 connection, 10 000 leads", 10_000, _OF_MANY, at_once=1, runs=3, seconds=1, longest=4, usual=1, peers=_GO),
    Part(
        "1 connection, 1 000 leads",
        1000,
        ["search", *_OF_FEW],
        at_once=1,
        runs=3,
        seconds=1,
        longest=4,
        usual=1.1,
        peers=_GO,
    ),
    Part(
        "256 connections, 10 000 leads",
        10_000,
        _OF_MANY,
        at_once=256,
        runs=3,
        seconds=1,
        longest=5,
        usual=3.6,
        peers=_GO,
    ),
    Part("256 connections, 1 000 leads", 1000, _OF_FEW, at_once=256, runs=3, seconds=1, longest=3, usual=3, peers=_GO),
    Part("256 connections, 200 leads", 200, ["search"], at_once=256, runs=3, seconds=1, longest=10, usual=8, peers=_GO),
]
_FLOOR = ["--runs", "5", "--seconds", "1"]
_FLOOR_SECONDS = 60


def measure(output: Path, server: list[str], pid: list[str]) -> bool:
    """Write all tables; tell whether nothing failed. What fails does not keep the rest from being measured."""
    output.write_text("")
    files = [output.with_suffix(f".{number}.json") for number in range(len(PARTS) + 1)]
    for file in files:
        file.unlink(missing_ok=True)
    codes = [
        _run(output, part.title, "bench.run", [*part.arguments, *server, *pid, "--json", str(file)])
        for part, file in zip(PARTS, files, strict=False)
    ]
    codes.append(_run(output, "The bare driver", "bench.driver_floor", [*_FLOOR, *server, "--json", str(files[-1])]))
    codes.append(_run(output, "The goals", "bench.goals", [str(file) for file in files if file.exists()]))
    return not any(codes)


def _run(output: Path, title: str, module: str, arguments: list[str]) -> int:
    """Write under a title what a program prints, and return its exit status."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M} {title}\n")
    with output.open("a") as file:
        file.write(f"\n# {title}\n\n")
        file.flush()
        return subprocess.run([sys.executable, "-m", module, *arguments], stdout=file, check=False).returncode


def main() -> int:
    """Run all; return 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.all", description="Take all figures, and compare the goals.")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    parser.add_argument("--server-pid", type=int, help="process of the server of LEADS_MONGODB_URI, for its CPU time")
    parser.add_argument("--output", type=Path, default=DATA / "results.md", help="Markdown; the JSON goes beside it")
    options = parser.parse_args()
    minutes = (sum(part.expected_seconds for part in PARTS) + _FLOOR_SECONDS) / 60
    sys.stderr.write(f"About {minutes:.0f} minutes with two cores and the server that README.md names.\n")
    DATA.mkdir(exist_ok=True)
    server = ["--server-binary", str(options.server_binary)] if options.server_binary else []
    pid = ["--server-pid", str(options.server_pid)] if options.server_pid else []
    done = measure(options.output, server, pid)
    sys.stderr.write(f"{options.output} has the tables{'' if done else '; something failed'}.\n")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
