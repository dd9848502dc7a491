"""What tests of mailing say in a word: conversions that ask for a welcome, and what the queue holds."""

from typing import Any

from leads_api.mongo.client import Database, Document
from tests.client import Api
from tests.wire.process import until

PORTAL = "https://portal.acme.example/login"
MAIL_FROM = "Acme CRM <crm@acme.example>"

Status = str
"""`queued`, `sent` or `dead`."""


def mailing(url: str) -> dict[str, str]:
    """Return the settings of a service that sends mails to a server."""
    return {"smtp_url": url, "mail_from": MAIL_FROM, "portal_url": PORTAL}


class Outbox:
    """The collection `mails` of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.collection = database["mails"]

    async def all(self) -> list[Document]:
        """Return all mails, in the order in which they were queued."""
        return await self.collection.find({}, sort=[("_id", 1)]).to_list(None)

    async def statuses(self) -> list[Status]:
        """Return the status of each."""
        return [mail["status"] for mail in await self.all()]

    async def until(self, *statuses: Status) -> list[Document]:
        """Wait until the mails have these statuses, in the order in which they were queued; return them."""

        async def so() -> bool:
            return await self.statuses() == list(statuses)

        await until(so, f"mails are {statuses}")
        return await self.all()

    async def until_tried(self, attempts: int) -> Document:
        """Wait until the only mail was taken so often, and is at rest; return it."""

        async def so() -> bool:
            (mail,) = await self.all()
            return bool(mail["attempts"] >= attempts and mail["lease"] is None)

        await until(so, f"{attempts} attempts")
        (mail,) = await self.all()
        return mail

    async def until_one_was_tried(self) -> None:
        """Wait until some mail has the error of an attempt."""

        async def so() -> bool:
            return any(mail["error"] for mail in await self.all())

        await until(so, "an attempt")


async def convert(api: Api, email: str | None = None, **fields: Any) -> int:
    """Convert a new lead, with a welcome for its owner; return the lead's id."""
    lead_id: int = (await api.lead())["id"]
    await api.client(lead_id, **({"send_welcome_email": "yes"} | ({"email": email} if email else {}) | fields))
    return lead_id
