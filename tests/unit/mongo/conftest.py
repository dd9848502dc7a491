"""The clock of deadlines."""

import pytest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which deadlines are set and looked at, in the first place."""
    seconds = [1000.0]
    for module in ("client", "batching", "concurrency", "queues"):
        monkeypatch.setattr(f"leads_api.mongo.{module}.monotonic", lambda: seconds[0])
    return seconds
