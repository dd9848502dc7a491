"""Makes deliveries of events: each active webhook follows the feed from its own position."""

import logging
from collections import defaultdict

from leads_api.errors import Failure
from leads_api.events.model import GAP, Event
from leads_api.events.store import EventStore
from leads_api.http.envelope import encode
from leads_api.mongo.client import Document, Session, deadline
from leads_api.mongo.faults import DatabaseError, described
from leads_api.mongo.transaction import Transact
from leads_api.webhooks.deliveries import DeliveryStore, NewDelivery
from leads_api.webhooks.model import ALL
from leads_api.webhooks.store import COLLECTION, WebhookStore

AT_ONCE = 100
"""Events in one transaction."""
_SECONDS = 5.0

_log = logging.getLogger("leads.webhooks")


class FanOut:
    """Queues the new events of the feed for the webhooks that want them.

    A position and the deliveries up to it are written in one transaction. So of several processes that do this at the
    same time one succeeds, no event is left out or queued twice, and deliveries become visible in the order of events.
    """

    def __init__(
        self, events: EventStore, webhooks: WebhookStore, deliveries: DeliveryStore, transact: Transact
    ) -> None:
        self._events = events
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._transact = transact

    async def __call__(self) -> bool:
        """Queue up to AT_ONCE events for each webhook; return whether there may be more for one that got its events.

        Those furthest behind come first. Each has a time limit of its own; what fails for one is logged and tried again
        in the next call, so it holds up no other. Raises DatabaseError if the webhooks cannot be read.
        """
        with deadline(_SECONDS):
            active = await self._webhooks.active()
        behind: dict[int, list[Document]] = defaultdict(list)
        for webhook in active:
            behind[webhook.get("position") or 0].append(webhook)
        more = False
        for position in sorted(behind):
            try:
                with deadline(_SECONDS):
                    events = await self._events.after(position, AT_ONCE)
                    others = bool(events) and events[-1].id < await self._events.last_id()
            except (DatabaseError, Failure) as error:
                _log.warning("the events behind %s cannot be read for webhooks: %s", position, described(error))
                continue
            new = [_new(event) for event in events]
            for webhook in behind[position] if new else ():
                try:
                    with deadline(_SECONDS):
                        await self._queue(webhook, new)
                    more = more or others
                except (DatabaseError, Failure) as error:
                    _log.warning("events cannot be queued for webhook %s: %s", webhook["_id"], described(error))
        return more

    async def _queue(self, webhook: Document, events: list[NewDelivery]) -> None:
        position, types = webhook.get("position"), set(webhook.get("events") or ())
        wanted = [event for event in events if ALL in types or event.type in types or event.type == GAP]
        webhook_id, last = webhook["_id"], events[-1].event_id
        if not wanted:
            await self._webhooks.advance(webhook_id, position, last, None)
            return
        first_id, moment = await self._deliveries.reserve(len(wanted)), await self._deliveries.clock.now()

        async def work(session: Session) -> None:
            if await self._webhooks.advance(webhook_id, position, last, session):
                await self._deliveries.insert(webhook_id, first_id, wanted, moment, session)

        await self._transact(work, records=[(COLLECTION, webhook_id)])


def _new(event: Event) -> NewDelivery:
    return NewDelivery(event.id, event.type, event.data.lead_id, encode(event).decode())
