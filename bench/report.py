"""The table of results, in Markdown, and what it was measured on."""

import os
import platform
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path

from bench.load import Run
from bench.servers import GRANIAN, HERE, PYTHON

_COLUMNS = (
    "operation", "at once", "server", "requests/s", "p50 ms", "p99 ms", "errors", "CPU ms/request",
    "database CPU ms/request", "requests/s, leads : it", "CPU, leads : it",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one server's runs of one operation; None where too few requests were answered to tell."""

    operation: str
    concurrency: int
    peer: str
    rps: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    cpu_ms: float | None
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
        told = service.cpu_ms is not None and row.cpu_ms is not None
        ratios = [_ratio(service.rps, row.rps) if told else "-", _ratio(service.cpu_ms, row.cpu_ms)]
    return [
        row.operation, str(row.concurrency), row.peer, f"{row.rps:.0f}", _figure(row.p50_ms, 2), _figure(row.p99_ms, 2),
        str(row.errors), _figure(row.cpu_ms, 3), _figure(row.database_ms, 3), *ratios,
    ]  # fmt: skip


def _figure(figure: float | None, digits: int) -> str:
    return "-" if figure is None else f"{figure:.{digits}f}"


def _ratio(own: float | None, other: float | None) -> str:
    return f"{own / other:.2f}" if own is not None and other else "-"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def facts(arguments: Sequence[str], database: str, leads: int, peers: Sequence[str]) -> dict[str, str]:
    """Return when, with what and on what the figures were taken."""
    python_peers = _output(str(PYTHON), "-m", "pip", "freeze").split()
    packages = [f"{name} {version(name)}" for name in ("litestar", "msgspec", "motor", "pymongo", "uvicorn", "uvloop")]
    if "leads-granian" in peers:
        packages += [f"granian {found.version}" for found in distributions(name="granian", path=[str(GRANIAN)])]
    node = _output("node", "--version")
    modules = (HERE / "peers" / "go" / "go.mod").read_text()
    go = re.findall(r"^\t(\S*/(?:fiber|mongo-driver|sonic)\S* \S+)$", modules, re.MULTILINE)
    fastify = (HERE / "peers" / "fastify" / "package.json").read_text().partition('"dependencies"')[2]
    return {
        "Taken": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {leads} leads",
        "Commit": _commit(),
        "Command": f"`python -m bench.run {shlex.join(Path(argument).name for argument in arguments)}`",
        "Machine": f"{os.cpu_count()} cores, {_processor()}, Linux {platform.release().partition('-')[0]}",
        "Database": f"{database}, on the same machine",
        "Service": f"Python {platform.python_version()}, {', '.join(packages)}",
        "Python peers": ", ".join(line for line in python_peers if _is_named(line)),
        "Node peer": f"{node or 'none'}, {' '.join(fastify.replace(chr(34), '').strip(': {}' + chr(10)).split())}",
        "Go peer": f"{_output('go', 'version') or 'none'}, {', '.join(go)}",
        "Load": (_output("wrk", "--version").splitlines() or ["wrk"])[0],
    }


def heading(known: dict[str, str]) -> str:
    """Return what stands above a table."""
    lines = [f"* {name}: {fact}\n" for name, fact in known.items() if name != "Taken"]
    return f"## {known['Taken']}\n\n{''.join(lines)}\n"


def _commit() -> str:
    commit = _output("git", "-C", str(HERE), "rev-parse", "--short", "HEAD")
    changed = _output("git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no")
    return f"{commit or 'unknown'}{', with changes' if changed else ''}"


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
