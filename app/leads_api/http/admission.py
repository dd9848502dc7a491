"""Admission: how many requests may be in progress, given how long they take (decision 22).

Requests share the event loop and the batches of database calls. If more are in progress than can be answered before
their deadline, all of them end in vain, each after a part of the work was done for it. So newcomers are refused at
once as soon as those before them take long. What waits in a queue of its own, such as changes, is limited there.
"""

import logging
from math import inf

from leads_api.errors import Unavailable
from leads_api.telemetry.metrics import Counter

MAX_AT_ONCE = 2000
"""Concurrent requests per process, however quick they are. More would only use memory."""
LEAST_AT_ONCE = 128
"""So many are always admitted: with fewer, the process and its connections to the database would not be busy."""
PROBES = 16
"""Requests that are admitted between two looks in any case. They show when it is quicker again."""
_SHARE = 0.6
"""The share of the time limit that answered requests may take on average. The others need more than that."""
_SHRINKS = 0.8
_GROWS = 1.1

_REFUSED = Counter("leads_http_admission_refused_total", "Requests that were refused: too many were in progress.")

_log = logging.getLogger("leads.http")


class Busy(Unavailable):
    """The process is busy with so many requests that another one would probably not be answered in time."""


class Admission:
    """Admits requests, up to a limit that follows from how long those took that were answered."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the time limit of a request."""
        self._longest = seconds * _SHARE
        self._adapted = inf
        self._probes = PROBES
        self._refused = 0

    @property
    def limit(self) -> int:
        """Return how many requests may be in progress."""
        return int(min(self._adapted, MAX_AT_ONCE))

    def check(self, in_progress: int) -> None:
        """Raise Busy if too many requests are in progress, the one that asks included."""
        if in_progress <= self._adapted and in_progress <= MAX_AT_ONCE:
            return
        if in_progress <= MAX_AT_ONCE and self._probes:
            self._probes -= 1
            return
        self._refused += 1
        _REFUSED.add()
        raise Busy

    def look(self, in_progress: int, seconds: float | None) -> None:
        """Adapt the limit. To be called some times within the time limit of a request.

        `seconds` is how long those requests took on average that were answered since the last call; None if there were
        none. Who waits for something that is stuck, such as a locked lead, does not count.
        """
        self._probes = PROBES
        if self._refused:
            # One line for all of them: a line for each would cost as much as the refusal itself.
            _log.warning("answered 503: too many requests in progress: %d; %d refused", in_progress, self._refused)
            self._refused = 0
        if not in_progress:
            self._adapted = inf
        elif seconds is not None and seconds > self._longest:
            self._adapted = max(LEAST_AT_ONCE, min(self._adapted, in_progress) * _SHRINKS)
        elif seconds is not None or in_progress <= LEAST_AT_ONCE:
            self._adapted *= _GROWS
