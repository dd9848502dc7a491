"""What a call of a receiver comes to, and when the next attempt is due."""

import random
import re
from email.utils import parsedate_to_datetime

from msgspec import Struct

from leads_api.clock import now

CALL_SECONDS = 15.0
"""Within this time the head of the response must have arrived."""

MINUTE, HOUR = 60.0, 3600.0
PAUSES = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""The pause after each failed attempt of a round. There is one attempt more than pauses."""
LONGEST_RETRY_AFTER = 24 * HOUR
_JITTER = 0.1
LONGEST_PAUSE = max(*PAUSES, LONGEST_RETRY_AFTER) * (1 + _JITTER)

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    status: int | None = None
    """The status of the response; None if there was none."""
    body: str | None = None
    """The beginning of the response's body."""
    error: str | None = None
    """Why the attempt has failed; None if it has not."""
    retry_after: float | None = None
    """The seconds that the receiver asks to wait."""


def pause_after(failures: int, retry_after: float | None) -> float | None:
    """Return the pause after so many failed attempts of a round, in seconds; None if there is no further attempt.

    A receiver can ask for a longer pause, but not for a shorter one: it would use up all attempts.
    """
    if failures > len(PAUSES):
        return None
    pause = max(PAUSES[failures - 1], min(retry_after or 0.0, LONGEST_RETRY_AFTER))
    return pause * random.uniform(1, 1 + _JITTER)  # noqa: S311 - jitter is no secret


def retry_after_of(header: str) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, 10.2.3); None if it is absent or malformed."""
    if _SECONDS.fullmatch(header):
        return float(header)
    try:
        return (parsedate_to_datetime(header) - now()).total_seconds()
    except (TypeError, ValueError, OverflowError):  # ValueError also of a date without a zone
        return None
