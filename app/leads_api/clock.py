"""The only source of time, and the notation of times (contract, section 1)."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(examples=["2026-06-18T09:30:00.000000Z"], extra_json_schema={"format": "date-time"})]

_WITH_DECIMALS = len("2026-06-18T09:30:00.123000")

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""The time that responses show if a document lacks a date."""


def now() -> datetime:
    """Return the current UTC time in whole milliseconds, the precision of BSON, so that writes and reads agree."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def shown_time(moment: datetime) -> str:
    """Return a UTC time as text: six decimals, Z."""
    # msgspec is ten times as fast as `isoformat`, and leaves the decimals of a full second out.
    text = str(_encode(moment), "ascii")[1:-1].removesuffix("Z")  # mongomock's times have no zone
    return f"{text}Z" if len(text) == _WITH_DECIMALS else f"{text}.000000Z"


def plain_time(moment: object) -> str:
    """Return msgspec's notation of a UTC time, for subclasses of datetime that msgspec does not know (in tests)."""
    if isinstance(moment, datetime):
        return moment.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(moment)} is not a time")


_encode = msgspec.json.Encoder(enc_hook=plain_time).encode
