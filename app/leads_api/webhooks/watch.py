"""Metrics of webhooks: a background task counts them, so that who asks for the metrics never waits for the database."""

import asyncio
from contextlib import suppress

from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.telemetry.metrics import Gauge
from leads_api.webhooks.deliveries import DeliveryStore
from leads_api.webhooks.store import WebhookStore

_PAUSE_SECONDS = 10.0
_DATABASE_SECONDS = 5.0

_DELIVERIES = Gauge("leads_webhook_deliveries", "Deliveries that are kept, by status.", ["status"], merge=max)
_DISABLED = Gauge("leads_webhooks_disabled", "Webhooks that are disabled.", merge=max)


class WebhookWatch:
    """Knows how many deliveries are pending or have failed, and how many webhooks are disabled."""

    def __init__(self, webhooks: WebhookStore, deliveries: DeliveryStore) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._by_status: dict[tuple[object, ...], float] = {}
        self._disabled: int | None = None

    async def run(self) -> None:
        """Count again and again, until cancelled. What is known stays while the database is away."""
        _DELIVERIES.follow(lambda: self._by_status)
        _DISABLED.follow(lambda: self._disabled)
        while True:
            with suppress(DatabaseError), deadline(_DATABASE_SECONDS):
                self._by_status = {(status,): await self._deliveries.count(status) for status in ("pending", "failed")}
                self._disabled = await self._webhooks.count_disabled()
            await asyncio.sleep(_PAUSE_SECONDS)
