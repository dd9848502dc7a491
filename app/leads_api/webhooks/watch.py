"""Metrics of webhooks: a background task counts them, so that who asks for the metrics never waits for the database."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.telemetry.metrics import Gauge
from leads_api.webhooks.deliveries import DeliveryStore
from leads_api.webhooks.store import WebhookStore

_PAUSE_SECONDS = 10.0
_DATABASE_SECONDS = 5.0

_DELIVERIES = Gauge("leads_webhook_deliveries", "Deliveries that are kept, by status.", ["status"], merge=max)
_OVERDUE = Gauge(
    "leads_webhook_deliveries_overdue_seconds", "How long a delivery has been due without being sent.", merge=max
)
_FAILING = Gauge("leads_webhooks_failing_seconds", "How long a webhook has only been failing.", merge=max)
_DISABLED = Gauge("leads_webhooks_disabled", "Webhooks that are disabled.", merge=max)


class WebhookWatch:
    """Knows how many deliveries are pending or have failed, what is late, and which webhooks fail or are disabled."""

    def __init__(self, webhooks: WebhookStore, deliveries: DeliveryStore) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._by_status: dict[tuple[object, ...], float] = {}
        self._overdue: float | None = None
        self._failing: float | None = None
        self._disabled: int | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled. What is known stays while the database is away."""
        _DELIVERIES.follow(lambda: self._by_status)
        _OVERDUE.follow(lambda: self._overdue)
        _FAILING.follow(lambda: self._failing)
        _DISABLED.follow(lambda: self._disabled)
        while True:
            with suppress(DatabaseError), deadline(_DATABASE_SECONDS):
                await self._look()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _look(self) -> None:
        self._by_status = {(status,): await self._deliveries.count(status) for status in ("pending", "failed")}
        states = await self._webhooks.states()
        active = [state for state in states if state.status != "disabled"]
        due = await self._deliveries.due_since([state.id for state in active])
        moment = await self._deliveries.clock.now()
        self._overdue = _since([due], moment)
        self._failing = _since((state.failing_since for state in active), moment)
        self._disabled = len(states) - len(active)


def _since(times: Iterable[datetime | None], moment: datetime) -> float:
    """Return how many seconds ago the earliest of some times was; 0 without one, or if all are in the future."""
    return max([timedelta(), *(moment - time for time in times if time is not None)]).total_seconds()
