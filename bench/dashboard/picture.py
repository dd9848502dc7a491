"""A picture of the panels of a dashboard of Grafana, where the dashboard has them."""

import re
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

Line = tuple[dict[str, str], list[tuple[float, float]]]
"""Labels and values of a series, by the minutes since the start."""
Ask = Callable[[str], list[Line]]
"""Answers a query."""

_WIDTH = 24
_INCHES = 0.75, 0.36
"""The width and height of a unit of the dashboard's grid."""
_MOST = 12
"""Names in a legend. Grafana scrolls."""
_DURATIONS = ((120, 1 / 60, "min"), (1, 1, "s"), (0.001, 1000, "ms"), (float("-inf"), 1_000_000, "µs"))
_UNITS = {"short": "", "reqps": " req/s", "ops": " ops/s"}


def draw(panels: list[dict[str, Any]], ask: Ask, path: Path) -> None:
    """Write the picture."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(_WIDTH * _INCHES[0], height * _INCHES[1]))
    for panel in panels:
        x, y, w, h = (panel["gridPos"][name] for name in "xywh")
        if panel["type"] == "row":
            figure.text(0.01, 1 - (y + 0.8) / height, panel["title"], size=13, weight="bold")
            continue
        # Room for the title above, the scale to the left and the legend below.
        place = ((x + 0.9) / _WIDTH, 1 - (y + 0.65 * h) / height, (w - 1.2) / _WIDTH, 0.53 * h / height)
        _panel(figure.add_axes(place), panel, ask)
    figure.savefig(path, dpi=75)


def _panel(axes: Axes, panel: dict[str, Any], ask: Ask) -> None:
    axes.set_title(panel["title"], size=10)
    for target in panel["targets"]:
        for labels, values in ask(target["expr"]):
            minutes, numbers = zip(*values, strict=True)
            axes.plot(minutes, numbers, linewidth=1, label=_named(target["legendFormat"], labels))
    defaults = panel["fieldConfig"]["defaults"]
    axes.set_ylim(bottom=defaults["min"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, defaults["unit"])))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[:_MOST], names[:_MOST], loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2, fontsize=7,
        frameon=False,
    )  # fmt: skip


def _named(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda label: labels.get(label[1], ""), legend)


def shown(value: float, unit: str) -> str:
    """Return a value in a unit of Grafana, nearly as Grafana shows it."""
    if value == 0 or isnan(value):
        return "0"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        times, name = next((times, name) for least, times, name in _DURATIONS if value >= least)
        return f"{value * times:.3g} {name}"
    return f"{value:,.4g}{_UNITS[unit]}"
