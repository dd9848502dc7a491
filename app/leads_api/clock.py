"""The only source of time."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present in UTC, in whole milliseconds: what BSON keeps, so that a write answers what a read will."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
