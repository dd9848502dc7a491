"""The store of users."""

from collections.abc import Sequence
from datetime import datetime

from leads_api.errors import Invalid
from leads_api.folding import caseless_email
from leads_api.mongo.batching import Batcher
from leads_api.mongo.client import Database, Document, Session, insert_all
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.validation.values import TAKEN

COLLECTION = "users"
SCHEMA_VERSION = 3
"""The schema version of new client users; the catalog writes team users."""

PENDING_CLEANUP = "residue"
"""The stored field that marks a deleted setting or team user as pending clean-up; its value is the deleting user."""
INDEXES = {
    COLLECTION: [
        # An e-mail belongs to one team or client user, ignoring case. A deleted user has no `folded`, so it is free.
        Index("email", (("folded", 1),), unique=True, sparse=True),
        Index("type", (("type", 1), ("_id", 1))),
        Index("residue", ((PENDING_CLEANUP, 1),), sparse=True),
    ]
}
STEPS = {
    COLLECTION: [
        Step(2),
        # 3: the e-mail is compared in lower case; earlier versions case-folded it, and did not normalize it.
        Step(3, lambda user: refolded(user, caseless_email(user["email"])), reads=("email",), computes=("folded",)),
    ]
}


def refolded(document: Document, value: str) -> Document:
    """Return the update that gives a stored document this unique `folded`; deleted ones have none."""
    return {"$set": {"folded": value}} if "folded" in document else {}


class EmailTaken(Invalid):
    """Another client or team user has this e-mail (contract, "Convert")."""

    def __init__(self) -> None:
        super().__init__({"email": [TAKEN.replace("{}", "email")]})


def full_name(user: Document) -> str:
    """Return first and last name."""
    return f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()


class UserStore:
    """Looks up e-mails, and writes users of type `client`; the catalog handles those of type `team`."""

    def __init__(self, database: Database) -> None:
        self._users = database[COLLECTION]
        self._taken = Batcher(self._are_taken, queue="emails")

    async def has(self, email: str) -> bool:
        """Return whether a user has this e-mail. A transaction may be about to add it."""
        return await self._taken(caseless_email(email))

    async def drain(self) -> None:
        """Wait until no batch of reads is in progress."""
        await self._taken.drain()

    async def _are_taken(self, emails: list[str]) -> list[bool | Exception]:
        wanted = {"folded": {"$in": list(set(emails))}}
        taken = {user["folded"] async for user in self._users.find(wanted, {"_id": 0, "folded": 1})}
        return [email in taken for email in emails]

    async def insert(self, owners: Sequence[Document], session: Session) -> None:
        """Insert users. A taken e-mail aborts the transaction, and raises Duplicate if there is one user only."""
        await insert_all(self._users, owners, session)


def owner_of(*, user_id: int, client_id: int, first_name: str, last_name: str, email: str, now: datetime) -> Document:
    """Return the document of the first user of a client."""
    return {
        "_id": user_id,
        "type": "client",
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "folded": caseless_email(email),
        "status": "active",
        "client_id": client_id,
        "account_owner": True,
        "deleted": False,
        "dates": {"created": now, "updated": now},
        "schema_version": SCHEMA_VERSION,
    }
