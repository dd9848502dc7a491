"""What a check of `leads doctor` finds."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum

from msgspec import Struct

LATE = timedelta(minutes=15)
"""How long mails and deliveries may wait before it is worth a warning."""


class Health(Enum):
    """How a check ended."""

    GOOD = "ok"
    DOUBTFUL = "warning"
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """What a check has found, and what to do about it."""

    check: str
    health: Health
    text: str
    advice: str | None = None


Found = tuple[Health, str, str | None]
Check = Callable[[], Awaitable[Found]]

_UNITS = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "minutes"), (0, 1, "s"))


def lasting(time: timedelta) -> str:
    """Return a length of time in words, such as "5 s" or "3 hours"."""
    seconds = time.total_seconds()
    length, unit = next((length, unit) for least, length, unit in _UNITS if seconds >= least)
    return f"{seconds // length:.0f} {unit}"
