"""What the driver tells of its commands, at little cost (app/leads_api/mongo/monitoring.py)."""

from typing import Any

import pytest
from pymongo import monitoring

from leads_api.mongo.client import Driver
from leads_api.mongo.monitoring import monitored
from leads_api.telemetry import spans


def told(client: Any, driver: Driver) -> list[str]:
    """Return the events that the driver makes for a command that succeeds."""
    made: list[str] = []
    publisher = (client.delegate if driver == "motor" else client).options.pool_options._event_listeners
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CommandStartedEvent", "CommandSucceededEvent", "ConnectionCheckedOutEvent"):
            patch.setattr(monitoring, name, lambda *_, name=name, **__: made.append(name))
        publisher.publish_command_start({"find": "x"}, "leads", 1, ("127.0.0.1", 1), 1)
        publisher.publish_connection_checked_out(("127.0.0.1", 1), 1, 0.1)
    return made


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_no_event_is_made_for_a_command_that_is_only_counted(driver: Driver) -> None:
    client = monitored("mongodb://127.0.0.1:9/?replicaSet=rs0", driver=driver, request_timeout=5)

    assert told(client, driver) == []


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_events_are_made_for_spans(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    recording: Any = object()
    monkeypatch.setattr(spans, "tracing", recording)
    client = monitored("mongodb://127.0.0.1:9/?replicaSet=rs0", driver=driver, request_timeout=5)

    with monkeypatch.context() as off:
        off.setattr(spans, "tracing", None)
        assert told(client, driver) == ["CommandStartedEvent"]


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_a_driver_that_publishes_in_another_way_makes_events_as_usual(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(self: object, command_name: str, duration: object, **_: object) -> None: ...

    monkeypatch.setattr("pymongo.monitoring._EventListeners.publish_command_success", publish)
    client = monitored("mongodb://127.0.0.1:9/?replicaSet=rs0", driver=driver, request_timeout=5)

    assert told(client, driver) == ["CommandStartedEvent"]
