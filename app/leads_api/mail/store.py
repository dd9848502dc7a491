"""The mail queue, a collection. A mail is taken under a lease, so that one process at a time sends it."""

import random
from datetime import timedelta
from typing import Literal

from bson import ObjectId
from msgspec import Struct
from pymongo import ReturnDocument

from leads_api.clock import now
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step

COLLECTION = "mails"
SCHEMA_VERSION = 2
"""The schema version of new documents."""

LEASE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 5.0
MAX_ATTEMPTS = 60
"""With pauses of at most an hour, a mail server may be down for two days."""
KEPT_SECONDS = 30 * 24 * 3600
"""How long a sent or dead mail is kept; limited, because it contains a name and an address."""
_LONGEST_PAUSE_SECONDS = 3600.0


INDEXES = {
    COLLECTION: [
        Index("due", (("status", 1), ("due", 1))),
        Index("ended", (("ended", 1),), expire_seconds=KEPT_SECONDS),
    ]
}
STEPS = {COLLECTION: [Step(2)]}


class Mail(Struct, frozen=True):
    """A mail that this process may send until its lease ends."""

    id: ObjectId
    lease: ObjectId
    recipient: str
    name: str
    template: Literal["welcome"]
    attempts: int


class MailQueue:
    """Queues mails, leases due ones, and records results. The states are queued, sent and dead (dead letter)."""

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float = LEASE_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """`lease_seconds` is the duration of a lease. The first retry is after `first_pause_seconds`; pauses double."""
        self._mails = database[COLLECTION]
        self.lease_seconds = lease_seconds
        self._first_pause = first_pause_seconds

    async def enqueue_welcome(self, recipient: str, name: str, session: Session) -> None:
        """Queue the welcome mail for a client's first user, in the transaction."""
        moment = now()
        document = {
            "_id": ObjectId(), "template": "welcome", "recipient": recipient, "name": name, "status": "queued",
            "attempts": 0, "due": moment, "lease": None, "created": moment, "error": None,
            "schema_version": SCHEMA_VERSION,
        }  # fmt: skip
        await self._mails.insert_one(document, session=session)

    async def take(self) -> Mail | None:
        """Take a lease on a due mail and return it; None if no mail is due."""
        moment, lease = now(), ObjectId()
        document: Document | None = await self._mails.find_one_and_update(
            # `due` of a leased mail is the end of the lease, so another process takes the mail if this one dies.
            # Not `$lt`: a mail without `due` is due now.
            {"status": "queued", "due": {"$not": {"$gte": moment + timedelta(milliseconds=1)}}},
            {"$set": {"due": moment + timedelta(seconds=self.lease_seconds), "lease": lease}, "$inc": {"attempts": 1}},
            sort=[("due", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            return None
        return Mail(
            document["_id"], lease, document.get("recipient") or "", document.get("name") or "",
            document.get("template") or "welcome", document["attempts"],
        )  # fmt: skip

    async def sent(self, mail: Mail) -> None:
        """Record that the SMTP server has accepted the mail."""
        await self._end(mail, "sent", None)

    async def failed(self, mail: Mail, error: str, *, for_good: bool) -> None:
        """Record a failed attempt: the mail is retried later, or is dead if the error is permanent or the last."""
        if for_good or mail.attempts >= MAX_ATTEMPTS:
            await self._end(mail, "dead", error)
            return
        pause = min(_LONGEST_PAUSE_SECONDS, self._first_pause * 2 ** (mail.attempts - 1))
        due = now() + timedelta(seconds=pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter is no secret
        await self._mails.update_one(
            {"_id": mail.id, "lease": mail.lease}, {"$set": {"due": due, "lease": None, "error": error}}
        )

    async def _end(self, mail: Mail, status: str, error: str | None) -> None:
        values = {"status": status, "lease": None, "error": error, "ended": now()}
        await self._mails.update_one({"_id": mail.id, "lease": mail.lease}, {"$set": values})
