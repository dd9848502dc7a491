"""The queues of the process, for the metrics: how many wait in each, and for how long."""

from abc import ABC, abstractmethod
from collections import Counter
from time import monotonic
from weakref import WeakSet

from leads_api.telemetry.metrics import Gauge, Histogram

_SHARE = 0.6
"""The share of its time that a request may spend in one queue. There are others behind it, and the work itself."""

_LENGTH = Gauge("leads_queue_length", "Requests that wait for their turn.", ["queue"])
_WAIT = Histogram("leads_queue_wait_seconds", "How long requests waited for their turn.", ["queue"])
_queues: WeakSet["Queue"] = WeakSet()


class Queue(ABC):
    """Something that requests wait for. Several may have the same name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waits = _WAIT.at(name)
        _queues.add(self)

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Return how many wait."""

    def is_too_long(self, wait: float, late: float) -> bool:
        """Return whether it is better to refuse a request than to let it wait; `late` is its deadline (decision 22)."""
        return wait > _SHARE * (late - monotonic())


def _lengths() -> dict[tuple[object, ...], float]:
    lengths: Counter[tuple[object, ...]] = Counter()
    for queue in list(_queues):
        lengths[(queue.name,)] += queue.waiting
    return dict(lengths)


_LENGTH.follow(_lengths)
