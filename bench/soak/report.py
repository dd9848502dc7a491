"""What a soak has shown: a table, and whether the service kept what it promises."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.soak.client import UNSENT
from bench.soak.mix import AFTER_A_REFUSAL
from bench.soak.phases import Answers
from bench.soak.watch import Held

GOODPUT = 0.8
"""The share of the peak that must remain under overload."""
RECOVERED_SECONDS = 5.0
_REFUSED = {429, 503}
TOLERATED = 0.02
"""The share of requests that may be refused without an overload where other processes stop this one for seconds."""
_GROWTH, _GROWTH_MB, _GROWTH_COUNT = 1.1, 10.0, 16
"""What is held may grow so much between the second and the last quarter of the steady load: by noise, not by a leak."""
_POOLED = 150
"""Sockets at rest: connections to the database are kept."""


@dataclass(slots=True)
class Soak:
    """One run."""

    peaks: list[Answers]
    steady: Answers
    overload: Answers
    recovery: Answers
    before: Held
    """At rest, before the load."""
    during: list[Held]
    """While the steady load lasted."""
    above: list[Held]
    """Under overload."""
    after: Held
    """At rest, after the load."""
    by_cpu: bool
    """Whether rates are per second of CPU time and TOLERATED applies, because the machine has other work to do."""

    def rate(self, answers: Answers) -> float:
        """Return how many requests of a phase were done per second."""
        return answers.good / max(answers.cpu if self.by_cpu else answers.length, 0.001)

    @property
    def peak(self) -> float:
        """Return the highest rate that was reached."""
        return max(map(self.rate, self.peaks))

    @property
    def goodput(self) -> float:
        """Return the share of the peak that remained under overload."""
        return self.rate(self.overload) / self.peak

    @property
    def recovered(self) -> float:
        """Return after how many seconds all requests were done again, or all but a few that are tolerated."""
        wanted = zip(self.recovery.wanted, self.recovery.statuses, strict=True)
        failed = sorted(at for at, status in wanted if not _is_good(status) and status != AFTER_A_REFUSAL)
        del failed[len(failed) - self._tolerated(self.recovery) :]
        missing = self.recovery.sent > len(self.recovery.statuses)
        return self.recovery.length if missing else max(failed, default=0.0)

    def faults(self, goodput: float = GOODPUT) -> list[str]:
        """Return what the service did not keep; `goodput` is the share of the peak that must remain."""
        faults = []
        others = {status: count for status, count in _counts(self.steady).items() if not _is_good(status)}
        if others.keys() - _REFUSED or sum(others.values()) > self._tolerated(self.steady):
            faults.append(f"the steady load met errors: {others}")
        for name, answers in {"the overload": self.overload, "the recovery": self.recovery}.items():
            known = _REFUSED | {AFTER_A_REFUSAL, UNSENT}
            if others := {s: count for s, count in _counts(answers).items() if not (_is_good(s) or s in known)}:
                faults.append(f"{name} met other answers than 2xx, 429 and 503: {others}")
        if self.goodput < goodput:
            faults.append(f"under overload, {self.goodput:.0%} of the peak remained")
        if self.recovered > RECOVERED_SECONDS:
            faults.append(f"{self.recovered:.1f} s after the overload, requests were still refused")
        early, late = self._quarters()
        for name, least in {"memory_mb": _GROWTH_MB, "threads": 0, "sockets": 0, "tasks": 0, "sessions": 0}.items():
            was, now = getattr(early, name), getattr(late, name)
            if now > was * _GROWTH + (least or _GROWTH_COUNT):
                faults.append(f"{name} went from {was:g} to {now:g} under a steady load")
        for name, more in {"tasks": 2, "sockets": _POOLED}.items():
            was, now = getattr(self.before, name), getattr(self.after, name)
            if now > was + more:
                faults.append(f"{name} at rest went from {was:g} to {now:g}")
        return faults

    def _tolerated(self, answers: Answers) -> int:
        return int(TOLERATED * answers.sent) if self.by_cpu else 0

    def tables(self) -> str:
        """Return the figures as Markdown."""
        phases = {
            f"peak, {number} callers at once": answers
            for number, answers in zip(("32", "128"), self.peaks, strict=True)
        } | {"steady": self.steady, "overload": self.overload, "recovery": self.recovery}
        lines = [
            "| phase | seconds | sent/s | done/s | done per CPU s | refused | other | p50 ms | p99 ms | longest ms |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        lines += [_row(name, answers) for name, answers in phases.items()]
        early, late = self._quarters()
        held = {
            "at rest, before": self.before, "steady, second quarter, least": early, "steady, last quarter, least": late,
            "overload, most": _each(max, self.above), "at rest, after": self.after,
        }  # fmt: skip
        lines += ["", "| the service holds | memory MB | threads | sockets | tasks | sessions |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {name} | {each.memory_mb:.1f} | {' | '.join(f'{number:g}' for number in each[2:])} |"
            for name, each in held.items()
        ]
        doubtful = _counts(self.overload)[AFTER_A_REFUSAL] + _counts(self.recovery)[AFTER_A_REFUSAL]
        goodput = f"Goodput under overload: {self.goodput:.0%} of the peak{' per second of CPU time' * self.by_cpu}."
        told = f"{doubtful} deletions or conversions were done, though they had been answered with 503."
        lines += ["", f"{goodput} Recovered after {self.recovered:.1f} s. {told}"]
        return "\n".join(lines) + "\n"

    def _quarters(self) -> tuple[Held, Held]:
        # The least of each quarter: a leak raises it, a moment of stress does not.
        quarter = max(1, len(self.during) // 4)
        return _each(min, self.during[quarter : 2 * quarter] or self.during), _each(min, self.during[-quarter:])


def _is_good(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - 2xx


def _counts(answers: Answers) -> Counter[int]:
    counts = Counter(answers.statuses)
    if missing := answers.sent - len(answers.statuses):
        counts[0] += missing
    return counts


def latencies(answers: Answers) -> list[float]:
    """Return how many milliseconds each request took that was done, in order."""
    times = zip(answers.wanted, answers.ended, answers.statuses, strict=True)
    return sorted(1000 * (ended - wanted) for wanted, ended, status in times if _is_good(status))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile of values in order."""
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0.0


def _row(name: str, answers: Answers) -> str:
    counts, times = _counts(answers), latencies(answers)
    refused = sum(counts[status] for status in _REFUSED)
    other = sum(count for status, count in counts.items() if not _is_good(status)) - refused
    return (
        f"| {name} | {answers.length:.0f} | {answers.sent / answers.length:.0f} | {answers.good / answers.length:.0f}"
        f" | {answers.good / max(answers.cpu, 0.001):.0f} | {refused} | {other}"
        f" | {percentile(times, 0.5):.1f} | {percentile(times, 0.99):.1f} | {percentile(times, 1):.0f} |"
    )


def _each(choose: Callable[[Iterable[float]], float], held: Iterable[Held]) -> Held:
    return Held(*(choose(values) for values in zip(*held, strict=True)))
