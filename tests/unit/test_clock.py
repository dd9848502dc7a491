"""app/leads_api/clock.py: UTC, six decimals, Z."""

from datetime import UTC, datetime, timedelta

import pytest

from leads_api.clock import shown_time


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 6, 18, 9, 30, tzinfo=UTC), "2026-06-18T09:30:00.000000Z"),
        (datetime(2026, 6, 18, 9, 30, 0, 123_000, tzinfo=UTC), "2026-06-18T09:30:00.123000Z"),
        (datetime(2026, 6, 18, 9, 30, tzinfo=UTC) + timedelta(milliseconds=7), "2026-06-18T09:30:00.007000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(2026, 6, 18, 9, 30), "2026-06-18T09:30:00.000000Z"),  # noqa: DTZ001 - as mongomock gives it
        (datetime(2026, 6, 18, 9, 30, 0, 123_000), "2026-06-18T09:30:00.123000Z"),  # noqa: DTZ001
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), "9999-12-31T23:59:59.999000Z"),
    ],
)
def test_a_time_has_six_decimals_and_a_z(moment: datetime, shown: str) -> None:
    assert shown_time(moment) == shown
