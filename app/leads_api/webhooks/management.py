"""What callers do with webhooks: each endpoint that needs more than one store has its function here."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from msgspec import Struct

from leads_api.clock import shown_time
from leads_api.http.envelope import encode
from leads_api.validation.paging import Paging
from leads_api.webhooks.deliveries import DeliveryStore
from leads_api.webhooks.model import TEST, Delivery, Webhook, WebhookWithSecret
from leads_api.webhooks.schemas import WebhookInput
from leads_api.webhooks.store import WebhookStore


class PingData(Struct, frozen=True, gc=False):
    """What a test tells."""

    webhook_id: int


class Ping(Struct, frozen=True, gc=False):
    """The event that tests a webhook. It has the members of every event, and is not in the feed."""

    id: None
    type: Literal["webhook.test"]
    timestamp: str
    data: PingData


class Webhooks:
    """Manages webhooks and their deliveries."""

    def __init__(
        self,
        subscriptions: WebhookStore,
        deliveries: DeliveryStore,
        *,
        last_event: Callable[[], Awaitable[int]],
        queued: Callable[[], None],
    ) -> None:
        """`last_event` returns the id of the last event; `queued` is called when something is to be sent at once."""
        self.subscriptions = subscriptions
        self._deliveries = deliveries
        self._last_event = last_event
        self._queued = queued

    async def create(self, wish: WebhookInput) -> WebhookWithSecret:
        """Create a webhook that is sent the events from now on."""
        return await self.subscriptions.create(
            url=wish.url, description=wish.description, events=wish.events, position=await self._last_event()
        )

    async def change(self, webhook_id: int, fields: dict[str, Any]) -> Webhook:
        """Change some fields of a webhook."""
        if fields.get("status") == "active":
            # They may be about to expire. Before the change, because a failure must leave all as it was.
            await self._deliveries.keep_pending(webhook_id)
        return await self.subscriptions.change(webhook_id, fields)

    async def renew_secret(self, webhook_id: int) -> WebhookWithSecret:
        """Renew the secret of a webhook."""
        return await self.subscriptions.renew_secret(webhook_id, await self._deliveries.clock.now())

    async def test(self, webhook_id: int) -> Delivery:
        """Queue an event that tests a webhook."""
        await self.subscriptions.require_active(webhook_id)
        moment = await self._deliveries.clock.now()
        event = Ping(None, TEST, shown_time(moment), PingData(webhook_id))
        return await self._deliveries.insert_test(webhook_id, event.type, encode(event).decode(), self._queued)

    async def deliveries_of(self, webhook_id: int, paging: Paging) -> tuple[list[Delivery], int]:
        """Return a page of a webhook's deliveries, and the total."""
        await self.subscriptions.get(webhook_id)
        return await self._deliveries.page(webhook_id, paging)

    async def redeliver(self, webhook_id: int, delivery_id: int) -> Delivery:
        """Begin a new round of attempts of a delivery."""
        await self.subscriptions.require_active(webhook_id)
        return await self._deliveries.redeliver(webhook_id, delivery_id, self._queued)

    async def sweep(self) -> None:
        """Delete the deliveries of deleted webhooks, and let those of disabled ones expire."""
        found = await self._deliveries.webhooks()  # before the webhooks: one that is created in between is not deleted
        statuses = await self.subscriptions.statuses()
        for webhook_id in found:
            match statuses.get(webhook_id):
                case None:
                    await self._deliveries.delete_of(webhook_id)
                case "disabled":
                    await self._deliveries.expire_pending(webhook_id)
                case "active":
                    await self._deliveries.keep_pending(webhook_id)
