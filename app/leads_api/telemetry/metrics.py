"""Metrics: counters, gauges and histograms of this process, cheap enough for every request (decision 26).

The instruments are plain numbers, which `exposition.py` turns into the metrics of `prometheus_client` when they are
asked for. They belong to the process, like those of that library: declare them at the top of a module.
"""

import os
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from threading import Lock
from typing import Literal

from msgspec import Struct

Labels = tuple[object, ...]
Kind = Literal["counter", "gauge", "histogram"]

SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of durations."""
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Upper bounds of the buckets of sizes."""


class Series(Struct, frozen=True, array_like=True):
    """The numbers of one combination of labels."""

    labels: tuple[str, ...]
    numbers: list[float]
    """One value; of a histogram, the number of values in each bucket, and the sum of all values."""


class Snapshot(Struct, frozen=True):
    """The metrics of a process at one moment."""

    process: int
    totals: dict[str, list[Series]]
    """Counters and histograms by name. They outlast their process: a total never goes backwards."""
    gauges: dict[str, list[Series]]


class Instrument:
    """What all instruments have in common."""

    kind: Kind

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        """`text` is a sentence for who reads the metrics."""
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        INSTRUMENTS[name] = self


INSTRUMENTS: dict[str, Instrument] = {}
"""All instruments of the process, by name."""


class Counter(Instrument):
    """A number that only grows. Not for threads, except under a lock."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self._numbers: dict[Labels, float] = {}
        if not labels:
            self._numbers[()] = 0

    def add(self, *labels: object, by: float = 1) -> None:
        """Count `by` more for the values of the labels."""
        self._numbers[labels] = self._numbers.get(labels, 0) + by

    def series(self) -> list[Series]:
        """Return the numbers of all labels."""
        return _series((labels, [number]) for labels, number in list(self._numbers.items()))


class Distribution:
    """The values that were observed, in buckets."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` are the upper bounds of the buckets; one more takes the rest."""
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Add a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram(Instrument):
    """Values in buckets. Not for threads."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS) -> None:
        super().__init__(name, text, labels)
        self.bounds = bounds
        self._distributions: dict[Labels, Distribution] = {}

    def at(self, *labels: object) -> Distribution:
        """Return the distribution of the values of the labels. You may keep it."""
        if (found := self._distributions.get(labels)) is None:
            found = self._distributions[labels] = Distribution(self.bounds)
        return found

    def series(self) -> list[Series]:
        """Return the numbers of all labels."""
        found = list(self._distributions.items())
        return _series((labels, [*each.counts, each.total]) for labels, each in found)


class ThreadedHistogram(Histogram):
    """A histogram that any thread may add to. Values get into their buckets later, at the latest when it is shown."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS) -> None:
        super().__init__(name, text, labels, bounds)
        self._noted: deque[tuple[Labels, float]] = deque()
        self._sorting = Lock()

    def note(self, labels: Labels, value: float) -> None:
        """Add a value."""
        self._noted.append((labels, value))

    def sort(self) -> None:
        """Put the values that were noted into their buckets."""
        with self._sorting:  # a process may have several services, each with an event loop on a thread of its own
            for _ in range(len(self._noted)):
                labels, value = self._noted.popleft()
                self.at(*labels).observe(value)

    def series(self) -> list[Series]:
        """Return the numbers of all labels."""
        self.sort()
        return super().series()


class Gauge(Instrument):
    """A number that goes up and down. It is asked for when the metrics are."""

    kind = "gauge"

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), *, merge: Callable[[Iterable[float]], float] = sum
    ) -> None:
        """`merge` makes one number of those of several processes: `sum`, or `max` if each knows the whole."""
        super().__init__(name, text, labels)
        self.merge = merge
        self._source: Callable[[], float | Mapping[Labels, float] | None] = lambda: None

    def follow(self, source: Callable[[], float | Mapping[Labels, float] | None]) -> None:
        """Ask `source` from now on, which returns the number, or the numbers by the values of the labels.

        It must not wait. None: there is no number now.
        """
        self._source = source

    def series(self) -> list[Series]:
        """Return the numbers of all labels."""
        found = self._source()
        numbers = {} if found is None else found if isinstance(found, Mapping) else {(): found}
        return _series((labels, [number]) for labels, number in numbers.items())


def _series(numbers: Iterable[tuple[Labels, list[float]]]) -> list[Series]:
    return [Series(tuple(str(label) for label in labels), each) for labels, each in numbers]


def sort() -> None:
    """Put the values that threads have noted into their buckets, so that they take no memory."""
    for instrument in INSTRUMENTS.values():
        if isinstance(instrument, ThreadedHistogram):
            instrument.sort()


def snapshot() -> Snapshot:
    """Return the metrics of this process."""
    totals: dict[str, list[Series]] = {}
    gauges: dict[str, list[Series]] = {}
    for instrument in INSTRUMENTS.values():
        if isinstance(instrument, Gauge):
            gauges[instrument.name] = instrument.series()
        elif isinstance(instrument, Counter | Histogram):
            totals[instrument.name] = instrument.series()
    return Snapshot(os.getpid(), totals, gauges)


def merged(living: Sequence[Snapshot], ended: Sequence[Snapshot] = ()) -> Snapshot:
    """Return the metrics of several processes as those of one: the totals of all, the gauges of those that live."""
    # Not `sum`: its last digit depends on the order, so a total could go backwards, which reads like a restart.
    totals = _merged([each.totals for each in (*ended, *living)], lambda _: fsum)
    gauges = _merged([each.gauges for each in living], _merge_of)
    return Snapshot(os.getpid(), totals, gauges)


def _merge_of(name: str) -> Callable[[Iterable[float]], float]:
    instrument = INSTRUMENTS.get(name)
    return instrument.merge if isinstance(instrument, Gauge) else sum


def _merged(
    parts: Iterable[Mapping[str, list[Series]]], merge_of: Callable[[str], Callable[[Iterable[float]], float]]
) -> dict[str, list[Series]]:
    numbers: dict[str, dict[tuple[str, ...], list[list[float]]]] = {}
    for part in parts:
        for name, series in part.items():
            for each in series:
                numbers.setdefault(name, {}).setdefault(each.labels, []).append(each.numbers)
    return {
        name: [
            Series(labels, [merge_of(name)(same) for same in zip(*several, strict=True)])
            for labels, several in by_labels.items()
        ]
        for name, by_labels in numbers.items()
    }
