"""A picture of a soak: what was asked and done, how long it took, what the service held."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench.soak.phases import Answers
from bench.soak.report import Soak, percentile

_REFUSED = {429, 503}


def draw(soak: Soak, path: Path) -> None:
    """Write the picture."""
    phases = [soak.steady, soak.overload, soak.recovery]
    start = soak.steady.began
    figure = Figure(figsize=(10, 9), layout="constrained")
    rates, times, held = figure.subplots(3, sharex=True)

    width = max(1, round(soak.steady.length / 180))
    seconds, done, refused, median, slowest = _series(phases, start, width)
    rates.plot(seconds, done, label="done (2xx)", color="tab:green")
    rates.plot(seconds, refused, label="refused (503, 429)", color="tab:red")
    peak = max(answers.good / answers.length for answers in soak.peaks)
    rates.axhline(peak, label="peak", color="tab:gray", linestyle="--")
    rates.set_ylabel("requests per second")

    times.plot(seconds, median, label="median", color="tab:blue")
    times.plot(seconds, slowest, label="99th percentile", color="tab:orange")
    times.set_yscale("log")
    times.set_ylabel("milliseconds, of those done")

    looks = soak.during + soak.above + [soak.after]
    moments = [look.moment - soak.during[0].moment for look in looks]
    held.plot(moments, [look.memory_mb for look in looks], label="memory, MB", color="black")
    for name, color in {
        "threads": "tab:blue",
        "sockets": "tab:orange",
        "tasks": "tab:green",
        "sessions": "tab:red",
    }.items():
        held.plot(moments, [getattr(look, name) for look in looks], label=name, color=color)
    held.set_yscale("log")
    held.set_ylabel("held by the service")
    held.set_xlabel("seconds")

    for axes in (rates, times, held):
        axes.axvspan(
            soak.overload.began - start, soak.overload.began - start + soak.overload.length, color="tab:red", alpha=0.08
        )
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize="small")
    rates.set_title("Steady load at 60 % of the peak, then three times the peak (shaded), then 60 % again")
    figure.savefig(path, dpi=100)


def _series(
    phases: Sequence[Answers], start: float, width: int
) -> tuple[list[int], list[float], list[float], list[float], list[float]]:
    """Return by time: requests done and refused per second, and the median and 99th percentile of their times."""
    done: dict[int, list[float]] = {}
    refused: dict[int, int] = {}
    for answers in phases:
        for wanted, ended, status in zip(answers.wanted, answers.ended, answers.statuses, strict=True):
            moment = int((answers.began - start + ended) // width) * width
            if status in _REFUSED:
                refused[moment] = refused.get(moment, 0) + 1
            elif 200 <= status < 300:  # noqa: PLR2004 - 2xx
                done.setdefault(moment, []).append(1000 * (ended - wanted))
    seconds = list(range(0, max([*done, *refused]) + 1, width))
    times = [sorted(done.get(second, [])) for second in seconds]
    return (
        seconds,
        [len(each) / width for each in times],
        [refused.get(second, 0) / width for second in seconds],
        [percentile(each, 0.5) for each in times],
        [percentile(each, 0.99) for each in times],
    )
