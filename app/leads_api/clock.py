"""The only source of time, and how times are shown (contract, section 1)."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[str, Meta(examples=["2026-06-18T09:30:00.000000Z"], extra_json_schema={"format": "date-time"})]

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""What is shown where a document does not say when something was."""


def now() -> datetime:
    """Return the present in UTC, in whole milliseconds: what BSON keeps, so that a write answers what a read will."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def shown_time(moment: datetime) -> str:
    """Return a UTC time as text: six decimals, Z."""
    # Without its zone: the driver's one is asked by a call for each text.
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def plain_time(moment: object) -> str:
    """Return what msgspec writes for a UTC time, for a class that it does not know: one that stands in in tests."""
    if isinstance(moment, datetime):
        return moment.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(moment)} is no time")
