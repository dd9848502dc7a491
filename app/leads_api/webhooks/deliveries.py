"""The store of deliveries. A delivery is sent under a lease, so that one process at a time sends it.

Due times and leases use the time of the database server, which all processes share. Every pending delivery has a due
time. If it must wait for an earlier event of its lead, this is noticed when it is due, and it gets that one's due time.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

from msgspec import Struct

from leads_api.errors import NotFound
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.pages import page_of
from leads_api.mongo.server_time import ServerClock
from leads_api.mongo.transaction import Transact
from leads_api.telemetry import traces
from leads_api.validation.paging import Paging
from leads_api.webhooks.calls import LONGEST_PAUSE, Outcome, pause_after
from leads_api.webhooks.model import Delivery, delivery_of

COLLECTION = "webhook_deliveries"
SCHEMA_VERSION = 2
"""The schema version of new documents."""

INDEXES = {
    COLLECTION: [
        Index("event", (("once", 1),), unique=True, sparse=True),
        Index("due", (("status", 1), ("webhook", 1), ("due", 1), ("_id", 1))),
        Index("order", (("webhook", 1), ("lead", 1), ("status", 1), ("event", 1))),
        Index("newest", (("webhook", 1), ("_id", 1))),
        Index("expires", (("expires", 1),), expire_seconds=1),
    ]
}
STEPS = {COLLECTION: [Step(2)]}

LEASE_SECONDS = 60.0
"""Several times what an attempt may take; the rest is for recording its result."""
_FURTHEST = timedelta(seconds=2 * LONGEST_PAUSE)
"""No due time is further ahead, unless the clock that it was read from was wrong. Then the delivery is due."""
_AGAIN = timedelta(seconds=1)
_NO_BODY = {"body": 0}


class DeliveryNotFound(NotFound):
    """The webhook has no delivery with this id."""

    message = "Delivery not found."


class NewDelivery(Struct, frozen=True):
    """An event to be sent to a webhook."""

    event_id: int
    type: str
    lead_id: int | None
    body: str


class Due(Struct, frozen=True):
    """A delivery that this process may send until its lease ends."""

    id: int
    webhook: int
    lease: str
    event: int | None
    lead: int | None
    body: str
    attempts: int
    """The attempts before this one."""
    failures: int
    """The failed attempts of the present round."""
    traceparent: str | None
    moment: datetime
    """When it was taken."""


class DeliveryStore:
    """Queues deliveries, leases due ones, and records results."""

    def __init__(self, database: Database, ids: Ids, transact: Transact, *, kept_days: int) -> None:
        """Deliveries that have ended are kept for `kept_days`."""
        self._deliveries = database[COLLECTION]
        self._ids = ids
        self._transact = transact
        self._kept = timedelta(days=kept_days)
        self.clock = ServerClock(database)

    async def page(self, webhook_id: int, paging: Paging) -> tuple[list[Delivery], int]:
        """Return a page of a webhook's deliveries, newest first, and the total."""
        found, total = await page_of(
            self._deliveries,
            {"webhook": webhook_id},
            [("_id", -1)],
            skip=paging.skip,
            limit=paging.limit,
            fields=_NO_BODY,
        )
        return [delivery_of(document) for document in found], total

    async def count(self, status: str) -> int:
        """Return how many deliveries have a status."""
        return await self._deliveries.count_documents({"status": status})

    async def due_since(self, webhook_ids: Sequence[int]) -> datetime | None:
        """Return the earliest due time of the pending deliveries of some webhooks; None without one."""
        wanted = {"status": "pending", "webhook": {"$in": list(webhook_ids)}}
        found: Document | None = await self._deliveries.find_one(wanted, {"due": 1}, sort=[("due", 1)])
        return None if found is None else found.get("due")

    async def oldest_pending(self, webhook_ids: Sequence[int]) -> datetime | None:
        """Return when the oldest pending delivery of some webhooks was created; None without one. No index helps."""
        wanted = {"status": "pending", "webhook": {"$in": list(webhook_ids)}}
        found: Document | None = await self._deliveries.find_one(wanted, {"dates": 1}, sort=[("_id", 1)])
        return None if found is None else (found.get("dates") or {}).get("created")

    async def insert_test(self, webhook_id: int, type_: str, body: str, then: Callable[[], None]) -> Delivery:
        """Queue the event that tests a webhook. It waits for no other event, and none waits for it."""
        trace = traces.current.get()
        document = self._new(await self._ids.take(COLLECTION), webhook_id, type_, body, await self.clock.now())
        document["traceparent"] = trace.traceparent() if trace else None

        async def committed(session: Session) -> bool | None:
            return True if await self._deliveries.find_one({"_id": document["_id"]}, session=session) else None

        async def work(session: Session) -> bool:
            await self._deliveries.insert_one(document, session=session)
            return True

        await self._transact(work, records=[(COLLECTION, document["_id"])], committed=committed, then=then)
        return delivery_of(document)

    async def reserve(self, count: int) -> int:
        """Return the first of so many new ids, for `insert`."""
        return await self._ids.take(COLLECTION, count) - count + 1

    async def insert(
        self, webhook_id: int, first_id: int, events: Iterable[NewDelivery], moment: datetime, session: Session
    ) -> None:
        """Queue events for a webhook, in their order, in a transaction."""
        documents = [
            self._new(number, webhook_id, event.type, event.body, moment)
            | {"event": event.event_id, "once": f"{webhook_id}:{event.event_id}", "lead": event.lead_id}
            for number, event in enumerate(events, start=first_id)
        ]
        await self._deliveries.insert_many(documents, session=session)

    async def redeliver(self, webhook_id: int, delivery_id: int, then: Callable[[], None]) -> Delivery:
        """Begin a new round of attempts, now; one that is in progress goes on. Raises DeliveryNotFound."""
        wanted, moment = {"_id": delivery_id, "webhook": webhook_id}, await self.clock.now()
        values = {"status": "pending", "failures": 0, "due": moment, "expires": None, "dates.updated": moment}

        async def work(session: Session) -> Document:
            await self._deliveries.update_one(wanted | {"lease": None}, {"$set": values}, session=session)
            document: Document | None = await self._deliveries.find_one(wanted, _NO_BODY, session=session)
            if document is None:
                raise DeliveryNotFound
            if document.get("lead") is not None:  # later events of the lead may be due when this one was
                await self._deliveries.update_many(_later(document), {"$set": {"due": moment}}, session=session)
            return document

        return delivery_of(await self._transact(work, records=[(COLLECTION, delivery_id)], then=then))

    async def due_webhook(self, webhook_ids: Sequence[int]) -> int | None:
        """Return one of the webhooks that has a due delivery; None if there is none."""
        for wanted in self._due(await self.clock.now(), {"$in": list(webhook_ids)}):
            if (found := await self._deliveries.find_one(wanted, {"webhook": 1})) is not None:
                webhook_id: int = found["webhook"]
                return webhook_id
        return None

    async def take(self, webhook_id: int) -> Due | None:
        """Take a lease on a due delivery of a webhook and return it; None if none is due."""
        moment = await self.clock.now()
        for wanted in self._due(moment, webhook_id):
            while (taken := await self._lease(wanted, [("due", 1), ("_id", 1)], moment)) is not None:
                if not await self._waits(taken):
                    return taken
        return None

    async def take_next(self, ended: Due) -> Due | None:
        """Take the next event of the lead whose event has just ended."""
        if ended.lead is None:
            return None
        later = _later({"webhook": ended.webhook, "lead": ended.lead, "event": ended.event})
        taken = await self._lease(later, [("event", 1)], await self.clock.now())
        return None if taken is None or await self._waits(taken) else taken

    async def release(self, due: Due) -> None:
        """Give up the lease without a result, so that another process sends the event at once."""
        await self._record(due, {"due": due.moment})

    async def ended(self, due: Due, outcome: Outcome, *, delivered: bool) -> None:
        """Record the result of the last attempt."""
        moment = await self.clock.now()
        status = "delivered" if delivered else "failed"
        values = _result(due, outcome, moment) | {"status": status, "due": None, "expires": moment + self._kept}
        await self._record(due, values)

    async def retry(self, due: Due, outcome: Outcome) -> bool:
        """Record a failed attempt; return whether there is another one later. Otherwise the delivery has failed."""
        pause = pause_after(due.failures + 1, outcome.retry_after)
        if pause is None:
            await self.ended(due, outcome, delivered=False)
            return False
        moment = await self.clock.now()
        values = {"due": moment + timedelta(seconds=pause), "failures": due.failures + 1, "expires": None}
        await self._record(due, _result(due, outcome, moment) | values)
        return True

    async def webhooks(self) -> list[int]:
        """Return the ids of all webhooks that have deliveries."""
        found: list[int] = await self._deliveries.distinct("webhook")
        return found

    async def expire_pending(self, webhook_id: int) -> None:
        """Let the pending deliveries of a disabled webhook expire as others do. They have personal data."""
        wanted = {"webhook": webhook_id, "status": "pending", "expires": None}
        expires = await self.clock.now() + self._kept
        await self._deliveries.update_many(wanted, {"$set": {"expires": expires}})

    async def keep_pending(self, webhook_id: int) -> None:
        """Keep the pending deliveries of a webhook that was disabled and is active again."""
        wanted = {"webhook": webhook_id, "status": "pending", "expires": {"$ne": None}}
        await self._deliveries.update_many(wanted, {"$set": {"expires": None}})

    async def delete_of(self, webhook_id: int) -> None:
        """Delete the deliveries of a webhook."""
        await self._deliveries.delete_many({"webhook": webhook_id})

    def _due(self, moment: datetime, webhook: object) -> list[Document]:
        """Return the filters for deliveries that are due."""
        # `due` of a leased delivery is the end of the lease, so another process takes it if this one dies.
        return [
            {"status": "pending", "webhook": webhook, "due": due}
            for due in ({"$lt": moment + timedelta(milliseconds=1)}, {"$gt": moment + _FURTHEST})
        ]

    async def _lease(self, wanted: Document, order: list[tuple[str, int]], moment: datetime) -> Due | None:
        lease = token_hex(8)
        values = {"due": moment + timedelta(seconds=LEASE_SECONDS), "lease": lease}
        found: Document | None = await self._deliveries.find_one_and_update(wanted, {"$set": values}, sort=order)
        if found is None:
            return None
        return Due(
            found["_id"], found["webhook"], lease, found.get("event"), found.get("lead"), found.get("body") or "",
            found.get("attempts") or 0, found.get("failures") or 0, found.get("traceparent"), moment,
        )  # fmt: skip

    async def _waits(self, taken: Due) -> bool:
        """If an earlier event of the lead is pending, give up the lease until that one is due; return whether it is.

        So do all later ones, because they wait as well: each failure of the first one costs one look at the others.
        """
        if taken.lead is None or (before := await self._before(taken)) is None:
            return False
        due = max(before["due"], taken.moment) + _AGAIN
        await self._record(taken, {"due": due})
        later = _later({"webhook": taken.webhook, "lead": taken.lead, "event": taken.event})
        await self._deliveries.update_many(later, {"$set": {"due": due}})
        if await self._before(taken) is None:  # it has ended meanwhile, and did not find this one
            await self._deliveries.update_one({"_id": taken.id, "lease": None}, {"$set": {"due": taken.moment}})
        return True

    async def _before(self, taken: Due) -> Document | None:
        wanted = {"webhook": taken.webhook, "lead": taken.lead, "status": "pending", "event": {"$lt": taken.event}}
        found: Document | None = await self._deliveries.find_one(wanted, {"due": 1}, sort=[("event", 1)])
        return found

    async def _record(self, due: Due, values: Document) -> None:
        await self._deliveries.update_one({"_id": due.id, "lease": due.lease}, {"$set": values | {"lease": None}})

    def _new(self, delivery_id: int, webhook_id: int, type_: str, body: str, moment: datetime) -> Document:
        return {
            "_id": delivery_id, "webhook": webhook_id, "type": type_, "body": body, "status": "pending", "attempts": 0,
            "failures": 0, "due": moment, "lease": None, "dates": {"created": moment, "updated": moment},
            "schema_version": SCHEMA_VERSION,
        }  # fmt: skip


def _later(delivery: Document) -> Document:
    """Return the filter for the pending deliveries of later events of a lead, of which no attempt is in progress."""
    same = {name: delivery[name] for name in ("webhook", "lead")}
    return same | {"status": "pending", "lease": None, "event": {"$gt": delivery["event"]}}


def _result(due: Due, outcome: Outcome, moment: datetime) -> Document:
    return {
        "attempts": due.attempts + 1, "response_status": outcome.status, "response_body": outcome.body,
        "error": outcome.error, "dates.updated": moment,
    }  # fmt: skip
