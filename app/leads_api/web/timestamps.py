"""Timestamps as the contract shows them (section 1): UTC, six decimals, Z."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[str, Meta(examples=["2026-06-18T09:30:00.000000Z"], extra_json_schema={"format": "date-time"})]


def shown_time(moment: datetime) -> str:
    """Return a UTC time as text."""
    # Without its zone: the driver's one is asked by a call for each text.
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
