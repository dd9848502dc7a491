"""Runs of all servers in turns, and what comes out of them."""

import math
import statistics
from dataclasses import dataclass

from bench.load import OPERATIONS, Run, load, settle
from bench.report import Row
from bench.servers import FLOORS, Server
from bench.target import Target

ENOUGH = 20
"""Answers per connection below which what a run leaves unanswered at its end would be more than noise."""
_AIMED_AT = 25  # a run may be slower than the warm-up
_WARM_UP_SECONDS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How servers are measured beside each other."""

    target: Target
    servers: list[Server]
    database_pid: int | None
    key: str
    runs: int
    seconds: int
    longest: int
    """What a run of a slow server is lengthened to, at most."""
    as_is: bool

    def measure(self, operation: str, concurrency: int) -> list[Row]:
        """Return a row for each server that has the operation."""
        able = [server for server in self.servers if operation in FLOORS.get(server.name, OPERATIONS)]
        if not able:
            return []
        warm = [self._run(server, operation, concurrency, _WARM_UP_SECONDS) for server in able]
        seconds = {server.name: self._length(run.rps, concurrency) for server, run in zip(able, warm, strict=True)}
        runs: dict[str, list[Run]] = {server.name: [] for server in able}
        for turn in range(self.runs):
            first = turn % len(able)
            for server in able[first:] + able[:first]:
                runs[server.name].append(self._run(server, operation, concurrency, seconds[server.name]))
        if not self.as_is:
            self.target.undo(operation)
        return [_row(operation, concurrency, name, done) for name, done in runs.items()]

    def _length(self, rate: float, concurrency: int) -> int:
        """Return how many seconds a server of this rate needs for figures that tell something."""
        wanted = math.ceil(_AIMED_AT * concurrency / rate) if rate else self.longest
        return max(self.seconds, min(wanted, self.longest))

    def _run(self, server: Server, operation: str, concurrency: int, seconds: int) -> Run:
        self._rest()
        if not self.as_is and self.target.undo(operation):
            self._rest()
        return load(
            server, operation, concurrency=concurrency, seconds=seconds, leads=self.target.leads, key=self.key,
            database_pid=self.database_pid,
        )  # fmt: skip

    def _rest(self) -> None:
        settle([server.pid for server in self.servers] + ([self.database_pid] if self.database_pid else []))


def _row(operation: str, concurrency: int, peer: str, runs: list[Run]) -> Row:
    enough = statistics.median(run.answers for run in runs) >= ENOUGH * concurrency

    def told(figures: list[float]) -> float | None:
        return statistics.median(figures) if enough and figures else None

    return Row(
        operation=operation,
        concurrency=concurrency,
        peer=peer,
        rps=statistics.median(run.rps for run in runs),
        p50_ms=told([run.p50_ms for run in runs]),
        p99_ms=told([run.p99_ms for run in runs]),
        errors=sum(run.errors for run in runs),
        cpu_ms=told([run.cpu_ms for run in runs]),
        database_ms=told([run.database_ms for run in runs if run.database_ms is not None]),
        runs=runs,
    )
