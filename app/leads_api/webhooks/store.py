"""The store of webhooks: where events are sent, and what signs them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from pymongo import ReturnDocument

from leads_api.clock import now
from leads_api.errors import Conflict, NotFound
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.pages import page_of
from leads_api.mongo.transaction import Transact
from leads_api.validation.paging import Paging
from leads_api.webhooks.model import (
    ALL,
    Webhook,
    WebhookStatus,
    WebhookWithSecret,
    webhook_of,
    webhook_with_secret_of,
)
from leads_api.webhooks.signatures import new_secret

COLLECTION = "webhooks"
SCHEMA_VERSION = 2
"""The schema version of new documents."""
INDEXES = {COLLECTION: [Index("status", (("status", 1),))]}
STEPS = {COLLECTION: [Step(2)]}

MAX_WEBHOOKS = 100
OLD_SECRET_SECONDS = 24 * 3600
MAX_OLD_SECRETS = 5
FAILING_SECONDS = 5 * 24 * 3600
"""After nothing but failures for so long, a webhook is disabled."""

_ACTIVE = {"status": {"$ne": "disabled"}}


class WebhookNotFound(NotFound):
    """There is no webhook with this id."""

    message = "Webhook not found."


class TooManyWebhooks(Conflict):
    """The number of webhooks is limited, because each event is looked at for each of them."""

    message = f"There are already {MAX_WEBHOOKS} webhooks. Delete one that is not needed."


class WebhookDisabled(Conflict):
    """Nothing is sent to a disabled webhook."""

    message = "The webhook is disabled. Set its status to active first."


class Receiver(Struct, frozen=True):
    """What the sender needs to know about a webhook. Never logged: the URL may have a token in it."""

    id: int
    url: str
    secrets: tuple[str, ...]
    failing_since: datetime | None
    """The time of the first failed attempt after the last successful one."""


class WebhookState(Struct, frozen=True):
    """How a webhook is doing."""

    id: int
    status: WebhookStatus
    failing_since: datetime | None


class WebhookStore:
    """Reads and writes webhooks."""

    def __init__(self, database: Database, ids: Ids, transact: Transact) -> None:
        self._webhooks = database[COLLECTION]
        self._ids = ids
        self._transact = transact

    async def page(self, paging: Paging) -> tuple[list[Webhook], int]:
        """Return a page in the order of creation, and the total."""
        found, total = await page_of(self._webhooks, {}, [("_id", 1)], skip=paging.skip, limit=paging.limit)
        return [webhook_of(document) for document in found], total

    async def get(self, webhook_id: int) -> Webhook:
        """Return a webhook. Raises WebhookNotFound."""
        if (document := await self._webhooks.find_one({"_id": webhook_id})) is None:
            raise WebhookNotFound
        return webhook_of(document)

    async def create(
        self, *, url: str, description: str | None, events: Sequence[str], position: int
    ) -> WebhookWithSecret:
        """Insert a webhook, to which the events behind a position are sent. Raises TooManyWebhooks."""
        webhook_id = await self._ids.take(COLLECTION)
        moment = now()
        document = {
            "_id": webhook_id, "url": url, "description": description, "events": _distinct(events), "status": "active",
            "secret": new_secret(), "position": position, "dates": {"created": moment, "updated": moment},
            "schema_version": SCHEMA_VERSION,
        }  # fmt: skip

        async def committed(session: Session) -> Document | None:
            found: Document | None = await self._webhooks.find_one({"_id": webhook_id}, session=session)
            return found

        async def work(session: Session) -> Document:
            if await self._webhooks.count_documents({}, session=session) >= MAX_WEBHOOKS:
                raise TooManyWebhooks
            await self._webhooks.insert_one(document, session=session)
            return document

        written = await self._transact(work, records=[(COLLECTION, 0)], committed=committed)
        return webhook_with_secret_of(written)

    async def change(self, webhook_id: int, fields: dict[str, Any]) -> Webhook:
        """Change some fields of a webhook. Raises WebhookNotFound."""
        values = dict(fields)
        if "events" in values:
            values["events"] = _distinct(values["events"])
        if "status" in values:
            values["failing_since"] = None
        return webhook_of(await self._set(webhook_id, values))

    async def renew_secret(self, webhook_id: int, moment: datetime) -> WebhookWithSecret:
        """Set a new secret; until OLD_SECRET_SECONDS after `moment`, the old one signs, too. Raises WebhookNotFound.

        A caller who did not get the answer asks again. So the one before the last may be the one that is in use.
        """

        async def write(session: Session) -> Document:
            document = await self._webhooks.find_one({"_id": webhook_id}, session=session)
            if document is None:
                raise WebhookNotFound
            replaced = {"secret": document.get("secret"), "until": moment + timedelta(seconds=OLD_SECRET_SECONDS)}
            values = {
                "secret": new_secret(),
                "old_secrets": [replaced, *_old_secrets(document, moment)][:MAX_OLD_SECRETS],
                "dates": (document.get("dates") or {}) | {"updated": now()},
            }
            await self._webhooks.update_one({"_id": webhook_id}, {"$set": values}, session=session)
            return document | values

        return webhook_with_secret_of(await self._transact(write, records=[(COLLECTION, webhook_id)]))

    async def delete(self, webhook_id: int) -> None:
        """Delete a webhook; no attempt begins from then on. Raises WebhookNotFound."""
        if (await self._webhooks.delete_one({"_id": webhook_id})).deleted_count == 0:
            raise WebhookNotFound

    async def require_active(self, webhook_id: int) -> None:
        """Raise WebhookNotFound or WebhookDisabled unless a webhook can be sent something."""
        if (await self.get(webhook_id)).status == "disabled":
            raise WebhookDisabled

    async def active(self) -> list[Document]:
        """Return what decides who gets which events: id, position and types of the webhooks that are not disabled."""
        return [document async for document in self._webhooks.find(_ACTIVE, {"position": 1, "events": 1})]

    async def receiver(self, webhook_id: int, moment: datetime) -> Receiver | None:
        """Return where to send at a time; None if the webhook was deleted or disabled."""
        document = await self._webhooks.find_one({"_id": webhook_id} | _ACTIVE)
        if document is None:
            return None
        secrets = tuple(
            secret for each in (document, *_old_secrets(document, moment)) if (secret := each.get("secret"))
        )
        return Receiver(webhook_id, document.get("url") or "", secrets, document.get("failing_since"))

    async def advance(self, webhook_id: int, before: int | None, after: int, session: Session) -> bool:
        """Move the position of an active webhook; return whether it was where it is expected."""
        wanted = {"_id": webhook_id, "position": before} | _ACTIVE
        result = await self._webhooks.update_one(wanted, {"$set": {"position": after}}, session=session)
        return result.matched_count == 1

    async def succeeded(self, receiver: Receiver) -> None:
        """Note that an attempt was successful."""
        if receiver.failing_since is not None:
            await self._webhooks.update_one({"_id": receiver.id}, {"$set": {"failing_since": None}})

    async def failed(self, receiver: Receiver, moment: datetime) -> bool:
        """Note that an attempt has failed; return whether the webhook was disabled: it has been failing for too long.

        It is not if another attempt has succeeded meanwhile, or somebody has changed it.
        """
        if receiver.failing_since is None:
            wanted = {"_id": receiver.id, "failing_since": None}
            await self._webhooks.update_one(wanted, {"$set": {"failing_since": moment}})
            return False
        if moment - receiver.failing_since < timedelta(seconds=FAILING_SECONDS):
            return False
        return await self._disable(receiver, {"failing_since": receiver.failing_since})

    async def gone(self, receiver: Receiver) -> bool:
        """Note that a receiver is no more; return whether the webhook was disabled. It is not if it has another URL."""
        return await self._disable(receiver, {})

    async def _disable(self, receiver: Receiver, only: Document) -> bool:
        wanted = {"_id": receiver.id, "url": receiver.url} | only | _ACTIVE
        result = await self._webhooks.update_one(wanted, {"$set": {"status": "disabled", "dates.updated": now()}})
        return result.modified_count == 1

    async def states(self) -> list[WebhookState]:
        """Return how each webhook is doing, in the order of creation."""
        found = self._webhooks.find({}, {"status": 1, "failing_since": 1}).sort("_id", 1)
        return [
            WebhookState(document["_id"], document.get("status") or "active", document.get("failing_since"))
            async for document in found
        ]

    async def statuses(self) -> dict[int, WebhookStatus]:
        """Return the status of each webhook."""
        found = self._webhooks.find({}, {"status": 1})
        return {document["_id"]: document.get("status") or "active" async for document in found}

    async def _set(self, webhook_id: int, values: dict[str, Any]) -> Document:
        async def write(session: Session) -> Document:
            document: Document | None = await self._webhooks.find_one_and_update(
                {"_id": webhook_id},
                {"$set": values | {"dates.updated": now()}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if document is None:
                raise WebhookNotFound
            return document

        return await self._transact.single(write, (COLLECTION, webhook_id))


def _old_secrets(document: Document, moment: datetime) -> list[Document]:
    """Return the replaced secrets that still sign at a time, the newest first."""
    before = {"secret": document.get("old_secret"), "until": document.get("old_secret_until")}  # of an earlier version
    old = document.get("old_secrets") or [before]
    return [each for each in old if (until := each.get("until")) is not None and until > moment]


def _distinct(events: Sequence[str]) -> list[str]:
    """Return each type once; `*` stands for all others."""
    return [ALL] if ALL in events else list(dict.fromkeys(events))
