"""One run of load on one server, and the CPU time that it took."""

import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.servers import HERE, Server

OPERATIONS = [
    "get", "list", "pages", "status_list", "search", "create", "create_keyed", "patch", "status", "comment",
    "convert", "invalid", "mix",
]  # fmt: skip
"""`pages` are lists of any sort, place and length, `status_list` those of a status; `invalid` creates have faults.

`create_keyed` creates have an idempotency key each, which the peers ignore.
"""

_TICK = 1000 / os.sysconf("SC_CLK_TCK")
_IDLE_SHARE = 0.06
_LOOK_SECONDS = 0.25
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run measured."""

    answers: int
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float
    """Of the server's process tree, per request."""
    database_ms: float | None
    """Of the database's, per request."""


def cpu_ms(pid: int) -> float:
    """Return the CPU time, user and system, of a process and all below it, ended ones included."""
    return sum(_ticks(process) for process in tree(pid)) * _TICK


def settle(pids: list[int]) -> None:
    """Wait until these processes have done what the last run left in flight."""
    until = time.monotonic() + _SETTLE_SECONDS
    spent = sum(map(cpu_ms, pids))
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        before, spent = spent, sum(map(cpu_ms, pids))
        if spent - before < _LOOK_SECONDS * 1000 * _IDLE_SHARE:
            return


def _ticks(pid: int) -> int:
    try:
        # The name in parentheses may hold anything; after it, fields 14 to 17 are utime, stime, cutime, cstime.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(map(int, fields[11:15]))


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            for child in children.read_text().split():
                found += tree(int(child))
    return found


def load(
    server: Server, operation: str, *, concurrency: int, seconds: int, leads: int, key: str, database_pid: int | None
) -> Run:
    """Load a server for some seconds with one operation. Raises CalledProcessError if wrk fails."""
    threads = min(2, concurrency)
    tag = f"{server.name}{time.time_ns()}"
    command = [
        "wrk", "--threads", str(threads), "--connections", str(concurrency), "--duration", f"{seconds}s",
        "--timeout", "10s", "--script", str(HERE / "wrk" / "leads.lua"), server.url,
        "--", operation, str(leads), key, tag, str(threads),
    ]  # fmt: skip
    before, database_before = cpu_ms(server.pid), cpu_ms(database_pid) if database_pid else 0.0
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
    spent = cpu_ms(server.pid) - before
    database_spent = cpu_ms(database_pid) - database_before if database_pid else None
    result = json.loads(output.partition("RESULT ")[2])
    requests = max(1, result["requests"])
    return Run(
        answers=result["requests"],
        rps=result["requests"] / result["seconds"],
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
        errors=result["refused"] + result["broken"] + (result["requests"] == 0),
        cpu_ms=spent / requests,
        database_ms=None if database_spent is None else database_spent / requests,
    )
