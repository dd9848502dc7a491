"""The table of results, in Markdown, and what it was measured on."""

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.load import Run
from bench.servers import HERE

_COLUMNS = (
    "operation", "at once", "server", "requests/s", "p50 ms", "p99 ms", "errors", "CPU ms/request",
    "database CPU ms/request", "requests/s, leads : it", "CPU, leads : it",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one server's runs of one operation."""

    operation: str
    concurrency: int
    peer: str
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float
    database_ms: float | None
    runs: list[Run] = field(default_factory=list)


def head() -> str:
    """Return the first lines of a table."""
    return f"{_line(_COLUMNS)}\n{_line(['---'] * 3 + ['---:'] * (len(_COLUMNS) - 3))}\n"


def lines(rows: list[Row]) -> str:
    """Return the rows of one operation and concurrency, with the ratios of the service to each peer beside them."""
    service = next((row for row in rows if row.peer == "leads"), None)
    return "".join(f"{_line(_cells(row, service))}\n" for row in rows)


def _cells(row: Row, service: Row | None) -> list[str]:
    ratios = ["", ""]
    if service is not None and service is not row:
        ratios = [_ratio(service.rps, row.rps), _ratio(service.cpu_ms, row.cpu_ms)]
    return [
        row.operation, str(row.concurrency), row.peer, f"{row.rps:.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}",
        str(row.errors), f"{row.cpu_ms:.3f}", "-" if row.database_ms is None else f"{row.database_ms:.3f}", *ratios,
    ]  # fmt: skip


def _ratio(own: float, other: float) -> str:
    return f"{own / other:.2f}" if other else "-"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def heading(arguments: Sequence[str], database: str, leads: int) -> str:
    """Return when, with what and on what the figures were taken."""
    python_peers = _output(str(HERE / ".venv" / "bin" / "python"), "-m", "pip", "freeze").split()
    packages = [f"{name} {version(name)}" for name in ("litestar", "msgspec", "motor", "pymongo", "uvicorn", "uvloop")]
    node = _output("node", "--version")
    fastify = (HERE / "peers" / "fastify" / "package.json").read_text().partition('"dependencies"')[2]
    return "\n".join(
        [
            f"## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {leads} leads",
            "",
            f"* Command: `python -m bench.run {shlex.join(Path(argument).name for argument in arguments)}`",
            f"* Machine: {os.cpu_count()} cores, {_processor()}, Linux {platform.release().partition('-')[0]}",
            f"* Database: {database}, on the same machine",
            f"* Service: Python {platform.python_version()}, {', '.join(packages)}",
            f"* Python peers: {', '.join(line for line in python_peers if _is_named(line))}",
            f"* Node peer: {node or 'none'}, {' '.join(fastify.replace(chr(34), '').strip(': {}' + chr(10)).split())}",
            f"* Load: {(_output('wrk', '--version').splitlines() or ['wrk'])[0]}",
            "",
            "",
        ]
    )


def _is_named(line: str) -> bool:
    return line.startswith(("fastapi=", "beanie=", "pydantic=", "pymongo=", "starlette=", "uvicorn=", "uvloop="))


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""
