"""Is what was aimed at reached? A table of the goals, from what other programs have written with --json.

    python -m bench.goals runs.json floor.json

CPU per request of the service is divided by the other's. A 99th percentile is compared with the best peer's: it is
undecided where the ranges of the runs, smallest to largest, overlap by more than the medians differ.
"""

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from bench.load import OPERATIONS

SERVICES = {"leads": "Motor", "leads-pymongo": "PyMongo async"}
"""The service with each of its drivers, and the driver's name in the table of driver_floor."""
PEERS = ["beanie", "pymongo", "fastify"]
_AT_ONCE = 32
_DRIVER = "its bare driver's call"


class Goal(NamedTuple):
    """How much of another's CPU time per request the service may take."""

    operation: str
    at_once: int
    share: Fraction
    other: str

    def __str__(self) -> str:
        """Say it in words."""
        share = f"at most {self.share} {'times' if self.share > 1 else 'of'}" if self.share != 1 else "no more than"
        return f"{self.operation} at {self.at_once}: {share} {self.other}"


GOALS = [
    Goal("get", _AT_ONCE, Fraction(1, 5), "beanie"),
    Goal("get", _AT_ONCE, Fraction(1, 4), "fastify"),
    Goal("get", 1, Fraction(2, 3), "beanie"),
    Goal("get", _AT_ONCE, Fraction(6), "asgi"),
    Goal("get", _AT_ONCE, Fraction(1), _DRIVER),
    Goal("create", _AT_ONCE, Fraction(1, 5), "beanie"),
    Goal("list", _AT_ONCE, Fraction(1, 3), "beanie"),
    Goal("status", _AT_ONCE, Fraction(1, 2), "beanie"),
    Goal("patch", _AT_ONCE, Fraction(1, 2), "beanie"),
    Goal("comment", _AT_ONCE, Fraction(1, 2), "beanie"),
    Goal("convert", _AT_ONCE, Fraction(1), "beanie"),
    Goal("invalid", _AT_ONCE, Fraction(1, 2), "beanie"),
    Goal("mix", _AT_ONCE, Fraction(1, 3), "beanie"),
]


class Figures:
    """What was measured. Servers are compared within one table, the first one that has them all."""

    def __init__(self, files: list[Path]) -> None:
        contents = [json.loads(file.read_text()) for file in files]
        self._tables: list[dict[tuple[str, int, str], dict[str, Any]]] = [
            {(row["operation"], row["concurrency"], row["peer"]): row for row in content.get("rows", [])}
            for content in contents
        ]
        floors = [row for content in contents for row in content.get("floor", [])]
        self._drivers = {(row["driver"], row["at_once"]): row for row in floors}

    def reached(self, goal: Goal, service: str) -> str:
        """Return the share that was measured, and whether it is small enough."""
        if goal.other == _DRIVER:
            (own,) = self._rows(goal.operation, goal.at_once, [service])
            other = self._drivers.get((SERVICES[service], goal.at_once), {})
        else:
            own, other = self._rows(goal.operation, goal.at_once, [service, goal.other])
        if not own.get("cpu_ms") or not other.get("cpu_ms"):
            return "-"
        share = own["cpu_ms"] / other["cpu_ms"]
        return f"{share:.2f}: {'yes' if share <= goal.share else '**no**'}"

    def p99(self, operation: str, service: str) -> str:
        """Return the 99th percentiles of the service and the best peer, and whether the service's is no worse."""
        own, *peers = self._rows(operation, _AT_ONCE, [service, *PEERS])
        if not own.get("p99_ms") or not all(peer.get("p99_ms") for peer in peers):
            return "-"
        best = min(peers, key=lambda peer: peer["p99_ms"])
        ranges = [[run["p99_ms"] for run in row["runs"]] for row in (own, best)]
        overlap = min(map(max, ranges)) - max(map(min, ranges))
        verdict = "yes" if own["p99_ms"] <= best["p99_ms"] else "**no**"
        if overlap > abs(own["p99_ms"] - best["p99_ms"]):
            verdict = "undecided"
        return f"{own['p99_ms']:.1f} ms, {best['peer']} {best['p99_ms']:.1f}: {verdict}"

    def _rows(self, operation: str, at_once: int, servers: list[str]) -> list[dict[str, Any]]:
        wanted = [(operation, at_once, server) for server in servers]
        table = next((table for table in self._tables if table.keys() >= set(wanted)), {})
        return [table.get(key, {}) for key in wanted]


def table(figures: Figures) -> str:
    """Return a row for each goal, with a column for each driver."""
    lines = ["| goal | Motor | `LEADS_MONGODB_DRIVER=pymongo` |", "| --- | --- | --- |"]
    for goal in GOALS:
        cells = [figures.reached(goal, service) for service in SERVICES]
        lines.append(f"| {goal} | {' | '.join(cells)} |")
    for operation in OPERATIONS:
        cells = [figures.p99(operation, service) for service in SERVICES]
        lines.append(f"| {operation} at {_AT_ONCE}: p99 no worse than the best peer's | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the files, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.goals", description="Compare figures with the goals.")
    parser.add_argument("files", type=Path, nargs="+", help="written by bench.run or bench.driver_floor with --json")
    sys.stdout.write(table(Figures(parser.parse_args().files)))


if __name__ == "__main__":
    main()
