"""The parts of webhooks: a simulated receiver, the queue in a real database, and senders that poll all the time."""

from collections.abc import AsyncIterator

import pytest

from leads_api.mongo.client import Database
from leads_api.webhooks.sender import WebhookSender
from tests.simulators.receiver import Receiver
from tests.wire.webhooks.queue import Queue


@pytest.fixture(autouse=True)
def poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let senders in this process look for work all the time."""
    defaults = WebhookSender.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "poll_seconds", 0.05)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that accepts every event until a test says otherwise."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def queue(database: Database) -> Queue:
    """The deliveries, as they stand in the database."""
    return Queue(database)
