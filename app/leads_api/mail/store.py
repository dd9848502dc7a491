"""The mail queue, a collection. A mail is taken under a lease, so that one process at a time sends it.

Due times and leases use the time of the database server, which all processes share. A new mail has no due time.
"""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from bson import ObjectId
from msgspec import Struct
from pymongo import ReturnDocument

from leads_api.clock import UNKNOWN, now
from leads_api.mongo.client import Database, Document, Session, insert_all
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.server_time import server_time
from leads_api.telemetry import traces

COLLECTION = "mails"
SCHEMA_VERSION = 2
"""The schema version of new documents."""

LEASE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 5.0
MAX_REFUSALS = 60
"""With pauses of at most an hour, a server may refuse a mail temporarily for two days."""
KEPT_SECONDS = 30 * 24 * 3600
"""How long a sent or failed mail is kept; limited, because it contains a name and an address."""
_LONGEST_PAUSE_SECONDS = 3600.0
_FURTHEST = timedelta(seconds=2 * _LONGEST_PAUSE_SECONDS)
"""No due time is further ahead, unless the clock that it was read from was wrong. Then the mail is due."""

Status = Literal["queued", "sent", "failed"]
_STORED: dict[Status, str] = {"queued": "queued", "sent": "sent", "failed": "dead"}
_SHOWN: dict[str | None, Status] = {stored: shown for shown, stored in _STORED.items()}

INDEXES = {
    COLLECTION: [
        Index("due", (("status", 1), ("due", 1))),
        Index("ended", (("ended", 1),), expire_seconds=KEPT_SECONDS),
    ]
}
STEPS = {COLLECTION: [Step(2)]}


class Verdict(Enum):
    """What a failed attempt says about the mail."""

    NOT_ABOUT_MAIL = "retried without limit: the settings or the mail server must be fixed"
    REFUSED = "retried up to MAX_REFUSALS times"
    REFUSED_FOR_GOOD = "not retried"


class Mail(Struct, frozen=True):
    """A mail that this process may send until its lease ends."""

    id: ObjectId
    lease: ObjectId
    recipient: str
    name: str
    template: Literal["welcome"]
    attempts: int
    refusals: int = 0
    """The earlier attempts in which the server refused this mail temporarily."""
    traceparent: str | None = None
    """The trace of the request that queued the mail, as a header; None if its caller named none."""


class QueuedMail(Struct, frozen=True, kw_only=True):
    """A mail as operators see it."""

    id: str
    status: Status
    template: str
    recipient: str
    attempts: int
    created: datetime
    due: datetime | None
    """The time of the next attempt, or the end of the current one's lease; None if it is due, sent or failed."""
    error: str | None
    """The reason of the last failed attempt."""


class MailQueue:
    """Queues mails, leases due ones, and records results."""

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float = LEASE_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """`lease_seconds` is the duration of a lease. The first retry is after `first_pause_seconds`; pauses double."""
        self._database = database
        self._mails = database[COLLECTION]
        self.lease_seconds = lease_seconds
        self._first_pause = first_pause_seconds

    async def enqueue(self, mails: Sequence[Document], session: Session) -> None:
        """Queue mails, as part of the transaction that makes the client."""
        await insert_all(self._mails, mails, session)

    async def take(self) -> Mail | None:
        """Take a lease on a due mail and return it; None if no mail is due."""
        moment, lease = await server_time(self._database), ObjectId()
        # `due` of a leased mail is the end of the lease, so another process takes the mail if this one dies.
        # Not `$lt`: a mail without `due` is due now.
        for due in ({"$not": {"$gte": moment + timedelta(milliseconds=1)}}, {"$gt": moment + _FURTHEST}):
            document: Document | None = await self._mails.find_one_and_update(
                {"status": "queued", "due": due},
                {
                    "$set": {"due": moment + timedelta(seconds=self.lease_seconds), "lease": lease},
                    "$inc": {"attempts": 1},
                },
                sort=[("due", 1)],
                return_document=ReturnDocument.AFTER,
            )
            if document is not None:
                return Mail(
                    document["_id"], lease, document.get("recipient") or "", document.get("name") or "",
                    document.get("template") or "welcome", document["attempts"], document.get("refusals") or 0,
                    document.get("traceparent"),
                )  # fmt: skip
        return None

    async def release(self, mail: Mail) -> None:
        """Give up the lease without a result, so that another process sends the mail at once."""
        await self._mails.update_one({"_id": mail.id, "lease": mail.lease}, {"$set": {"due": None, "lease": None}})

    async def sent(self, mail: Mail) -> None:
        """Record that the SMTP server has accepted the mail."""
        await self._end(mail, "sent", None)

    async def failed(self, mail: Mail, error: str, verdict: Verdict) -> bool:
        """Record a failed attempt; return whether the mail has failed for good. Otherwise it is retried later."""
        refusals = mail.refusals + (verdict is Verdict.REFUSED)
        if verdict is Verdict.REFUSED_FOR_GOOD or refusals >= MAX_REFUSALS:
            await self._end(mail, "failed", error)
            return True
        doublings = min(mail.attempts - 1, 30)  # a mail may be tried for years, and a float has its limits
        pause = min(_LONGEST_PAUSE_SECONDS, self._first_pause * 2**doublings)
        pause *= random.uniform(0.75, 1.25)  # noqa: S311 - jitter is no secret
        due = await server_time(self._database) + timedelta(seconds=pause)
        values = {"due": due, "lease": None, "error": error, "refusals": refusals}
        await self._mails.update_one({"_id": mail.id, "lease": mail.lease}, {"$set": values})
        return False

    async def all(self, status: Status | None = None) -> AsyncIterator[QueuedMail]:
        """Return the mails with a status, or all, in the order in which they were queued."""
        async for document in self._mails.find({"status": _STORED[status]} if status else {}).sort([("_id", 1)]):
            yield _shown(document)

    async def oldest(self) -> datetime | None:
        """Return when the oldest queued mail was queued; None if there is none."""
        found: Document | None = await self._mails.find_one(
            {"status": _STORED["queued"]}, {"created": 1}, sort=[("_id", 1)]
        )
        return None if found is None else found.get("created", UNKNOWN)

    async def dead(self) -> int:
        """Return how many mails have failed for good."""
        return await self._mails.count_documents({"status": _STORED["failed"]})

    async def requeue(self, mail_id: str) -> bool:
        """Queue a failed or waiting mail again, due now; return whether there is one with this id."""
        return ObjectId.is_valid(mail_id) and await self._requeue({"_id": ObjectId(mail_id)}) == 1

    async def requeue_all(self) -> int:
        """Queue all failed and waiting mails again, due now; return how many there are."""
        return await self._requeue({})

    async def _requeue(self, wanted: Document) -> int:
        """Requeue mails, except sent ones and those that are being sent."""
        at_rest = {"status": {"$in": [_STORED["failed"], _STORED["queued"]]}, "attempts": {"$gt": 0}, "lease": None}
        new = {"status": "queued", "attempts": 0, "refusals": 0, "due": None}
        result = await self._mails.update_many(wanted | at_rest, {"$set": new, "$unset": {"ended": ""}})
        return result.matched_count

    async def _end(self, mail: Mail, status: Status, error: str | None) -> None:
        ended = await server_time(self._database)
        values = {"status": _STORED[status], "due": None, "lease": None, "error": error, "ended": ended}
        await self._mails.update_one({"_id": mail.id, "lease": mail.lease}, {"$set": values})


def welcome(recipient: str, name: str) -> Document:
    """Return the welcome mail for a client's first user, to be queued."""
    trace = traces.current.get()
    return {
        "_id": ObjectId(), "template": "welcome", "recipient": recipient, "name": name, "status": "queued",
        "attempts": 0, "refusals": 0, "due": None, "lease": None, "created": now(), "error": None,
        "traceparent": trace.traceparent() if trace else None, "schema_version": SCHEMA_VERSION,
    }  # fmt: skip


def _shown(document: Document) -> QueuedMail:
    status: Status = _SHOWN.get(document.get("status"), "queued")
    return QueuedMail(
        id=str(document["_id"]),
        status=status,
        template=document.get("template", "welcome"),
        recipient=document.get("recipient", ""),
        attempts=document.get("attempts", 0),
        created=document.get("created", UNKNOWN),
        due=document.get("due") if status == "queued" else None,
        error=document.get("error"),
    )
