"""Is what was aimed at reached? A table of the goals, from what other programs have written with --json.

    python -m bench.goals runs.json floor.json

CPU per request of the service is divided by the other's. A 99th percentile is compared with that of the peer in Go: it
is undecided where the ranges of the runs, smallest to largest, overlap by more than the medians differ.
"""

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

from bench.load import OPERATIONS

SERVICES = {"leads": "Motor", "leads-pymongo": "PyMongo async"}
"""The service with each of its drivers, and the driver's name in the table of driver_floor."""
_AT_ONCE = 32
_DRIVER = "its bare driver's call"


class Goal(NamedTuple):
    """How much of another's CPU time per request the service may take, with Motor and with PyMongo's client."""

    operation: str
    at_once: int
    other: str
    motor: Fraction
    pymongo: Fraction

    def __str__(self) -> str:
        """Say it in words."""
        motor, pymongo = _times(self.motor), _times(self.pymongo)
        share = motor if motor == pymongo else f"{motor} ({pymongo})"
        return f"{self.operation} at {self.at_once}: at most {share} of {self.other}"

    def share(self, service: str) -> Fraction:
        """Return what the service may take with its driver."""
        return self.motor if service == "leads" else self.pymongo


def _times(share: Fraction) -> str:
    return f"{float(share):.3g}" if share.denominator in {1, 2, 5, 10} else str(share)


def _goal(operation: str, at_once: int, other: str, motor: str, pymongo: str | None = None) -> Goal:
    return Goal(operation, at_once, other, Fraction(motor), Fraction(pymongo or motor))


MEAN = "mean"
"""Stands for the geometric mean of the operations in ELEVEN."""
ELEVEN = [
    "get", "create", "list", "status_list", "search", "patch", "status", "comment", "convert", "invalid", "mix"
]  # fmt: skip
_OF_GO = {
    MEAN: ("1", "0.9"),
    **dict.fromkeys(("get", "create", "list", "status_list", "mix"), ("1", "1")),
    **dict.fromkeys(("patch", "status", "comment"), ("1.1", "0.9")),
    "convert": ("1.8", "1.4"),
    "invalid": ("2.5", "2.5"),
    "pages": ("1.2", "1.2"),
}
GOALS = [
    *(_goal(operation, at_once, "go", *shares) for at_once in (_AT_ONCE, 256) for operation, shares in _OF_GO.items()),
    *(_goal(operation, 1, "go", "2.5") for operation in ELEVEN),
    _goal("pages", _AT_ONCE, "beanie", "1/3"),
    _goal("get", _AT_ONCE, "beanie", "1/5"),
    _goal("get", _AT_ONCE, "fastify", "1/4"),
    _goal("get", _AT_ONCE, "asgi", "6"),
    _goal("get", _AT_ONCE, _DRIVER, "1"),
    _goal("create", _AT_ONCE, "beanie", "1/5"),
    _goal("list", _AT_ONCE, "beanie", "1/3"),
    *(_goal(operation, _AT_ONCE, "beanie", "1/2") for operation in ("status", "patch", "comment", "invalid")),
    _goal("convert", _AT_ONCE, "beanie", "1"),
    _goal("mix", _AT_ONCE, "beanie", "1/3"),
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
        shares = [
            self._share(operation, goal.at_once, goal.other, service)
            for operation in (ELEVEN if goal.operation == MEAN else [goal.operation])
        ]
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            return "-"
        share = geometric_mean(known)
        return f"{share:.2f}: {'yes' if share <= goal.share(service) else '**no**'}"

    def _share(self, operation: str, at_once: int, other: str, service: str) -> float | None:
        """Return the CPU time per request of the service, of the other's; None if it was not measured."""
        if other == _DRIVER:
            (own,) = self._rows(operation, at_once, [service])
            peer = self._drivers.get((SERVICES[service], at_once), {})
        else:
            own, peer = self._rows(operation, at_once, [service, other])
        if not own.get("cpu_ms") or not peer.get("cpu_ms"):
            return None
        share: float = own["cpu_ms"] / peer["cpu_ms"]
        return share

    def p99(self, operation: str, service: str) -> str:
        """Return the 99th percentiles of the service and the peer in Go, and whether the service's is no worse."""
        own, peer = self._rows(operation, _AT_ONCE, [service, "go"])
        if not own.get("p99_ms") or not peer.get("p99_ms"):
            return "-"
        ranges = [[run["p99_ms"] for run in row["runs"]] for row in (own, peer)]
        overlap = min(map(max, ranges)) - max(map(min, ranges))
        verdict = "yes" if own["p99_ms"] <= peer["p99_ms"] else "**no**"
        if overlap > abs(own["p99_ms"] - peer["p99_ms"]):
            verdict = "undecided"
        return f"{own['p99_ms']:.1f} ms, go {peer['p99_ms']:.1f}: {verdict}"

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
        lines.append(f"| {operation} at {_AT_ONCE}: p99 no worse than go's | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the files, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.goals", description="Compare figures with the goals.")
    parser.add_argument("files", type=Path, nargs="+", help="written by bench.run or bench.driver_floor with --json")
    sys.stdout.write(table(Figures(parser.parse_args().files)))


if __name__ == "__main__":
    main()
