"""What the rate limit remembers of callers."""

import pytest

from leads_api.errors import TooManyRequests
from leads_api.http.rate_limit import RateLimit


def test_of_many_callers_those_in_their_window_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0
    monkeypatch.setattr("leads_api.http.rate_limit._REMEMBERED", 2)
    monkeypatch.setattr("leads_api.http.rate_limit.monotonic_ns", lambda: moment)
    limit = RateLimit(1, 10)

    limit.take("early")
    moment = 8_000_000_000
    limit.take("late")
    moment = 12_000_000_000
    limit.take("new")

    with pytest.raises(TooManyRequests):
        limit.take("late")
    assert limit.take("early")["RateLimit"] == '"default";r=0;t=10'
