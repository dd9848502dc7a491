"""Draws the plots of docs/performance.md from the tables of bench/RESULTS.md (`make reference`)."""

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"

SERVERS = {"leads": "this service", "beanie": "FastAPI, Beanie", "fastify": "Fastify (Node)", "go": "Fiber (Go)"}
OPERATIONS = {
    "get": "get a lead",
    "create": "create",
    "invalid": "refuse an invalid one",
    "list": "list, all the same page",
    "status_list": "list by status",
    "pages": "list, 480 pages",
    "search": "search",
    "comment": "comment",
    "patch": "change",
    "convert": "convert",
    "mix": "a mix of all",
}
_COLORS = ("#00796b", "#90a4ae", "#ffb300", "#5c6bc0")
_DEPTH = ("get a lead", "first page", "page in the middle", "page in the last tenth")
_SHADES = ("#90a4ae", "#00796b", "#26a69a", "#80cbc4")
_LEFT, _WIDTH, _BAR, _GAP = 170, 760, 11, 12

Bars = Mapping[str, Sequence[float]]


def figures(results: str, column: str, servers: Collection[str] = SERVERS) -> dict[str, dict[str, float]]:
    """Return a column of the tables of 32 connections that have all servers, the newest: by operation, by server."""
    found: dict[str, dict[str, float]] = {}
    for table in re.findall(r"^\| operation \| at once .*?(?=^\n)", results, re.MULTILINE | re.DOTALL):
        header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        if not set(servers) <= {row[2] for row in rows}:
            continue  # only figures of one run can be compared
        for row in rows:
            operation, at_once, server = row[:3]
            if at_once == "32" and server in servers:
                found.setdefault(operation, {}).setdefault(server, float(row[header.index(column)]))
    return found


def compared(results: str, column: str) -> Bars:
    """Return a column as bars: for each operation, one of each server."""
    found = figures(results, column)
    return {title: [found[name][server] for server in SERVERS] for name, title in OPERATIONS.items()}


def depth(results: str) -> Bars:
    """Return how long pages by cursor take with a growing number of leads."""
    rows = re.findall(r"^\| (10+) \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \| ([\d.]+) \|$", results, re.MULTILINE)
    return {f"{int(leads):,} leads".replace(",", " "): [float(value) for value in values] for leads, *values in rows}


def drawn(title: str, unit: str, bars: Bars, legend: Sequence[str], colors: Sequence[str] = _COLORS) -> str:
    """Return a plot of horizontal bars, each with its value, as SVG on white."""
    most = max(max(values) for values in bars.values())
    scale = (_WIDTH - _LEFT - 80) / most
    top, parts = 66, [f'<text x="20" y="26" font-size="15" font-weight="600">{escape(title)}</text>']
    at = 20
    for name, color in zip(legend, colors, strict=False):
        parts.append(f'<rect x="{at}" y="38" width="11" height="11" fill="{color}"/>')
        parts.append(f'<text x="{at + 16}" y="48">{escape(name)}</text>')
        at += 34 + 7 * len(name)
    for label, values in bars.items():
        middle = top + len(values) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 10}" y="{middle:g}" text-anchor="end">{escape(label)}</text>')
        for value, color in zip(values, colors, strict=False):
            length = max(1, round(value * scale))
            parts.append(f'<rect x="{_LEFT}" y="{top}" width="{length}" height="{_BAR - 1}" fill="{color}"/>')
            parts.append(f'<text x="{_LEFT + length + 5}" y="{top + 9}" font-size="10">{value:g} {unit}</text>')
            top += _BAR
        top += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12" fill="#263238">'
    )
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{top}" rx="8" fill="#fff"/>', *parts, "</svg>"]) + "\n"


def plots() -> dict[str, str]:
    """Return all plots, by the name of their file."""
    results = (ROOT / "bench" / "RESULTS.md").read_text()
    servers = list(SERVERS.values())
    return {
        "cpu.svg": drawn("CPU per request, 32 connections", "ms", compared(results, "CPU ms/request"), servers),
        "p99.svg": drawn("99th percentile of the time, 32 connections", "ms", compared(results, "p99 ms"), servers),
        "depth.svg": drawn("Time of a page by cursor, one request at a time", "ms", depth(results), _DEPTH, _SHADES),
    }  # fmt: skip


if __name__ == "__main__":
    for name, plot in plots().items():
        (IMAGES / name).write_text(plot)
