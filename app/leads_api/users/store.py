"""The collection of users."""

from datetime import datetime

from leads_api.errors import Invalid
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.validation.values import TAKEN

COLLECTION = "users"
SCHEMA_VERSION = 2
"""The form of the documents that are written here; team users are written by the catalog."""

PENDING_CLEANUP = "residue"
"""Where a deleted record says that leads still hold something of it: who deleted it. Of team users and settings."""
INDEXES = {
    COLLECTION: [
        # An e-mail belongs to one user, team or client, in any case. A deleted user has no `folded` and gives it back.
        Index("email", (("folded", 1),), unique=True, sparse=True),
        Index("type", (("type", 1), ("_id", 1))),
        Index("residue", ((PENDING_CLEANUP, 1),), sparse=True),
    ]
}
STEPS = {COLLECTION: [Step(2)]}


class EmailTaken(Invalid):
    """A client or team user has this e-mail already (contract, "Convert")."""

    def __init__(self) -> None:
        super().__init__({"email": [TAKEN.replace("{}", "email")]})


def folded_email(email: str) -> str:
    """Return what e-mails are compared by: they are the same in any case."""
    return email.casefold()


def full_name(user: Document) -> str:
    """Return the name that is shown."""
    return f"{user.get('first_name', '')} {user.get('last_name', '')}".strip()


class UserStore:
    """Users of type `client`; those of type `team` are kept by the catalog."""

    def __init__(self, database: Database) -> None:
        self._users = database[COLLECTION]

    async def insert_owner(
        self, *, user_id: int, client_id: int, first_name: str, last_name: str, email: str, now: datetime,
        session: Session,
    ) -> None:  # fmt: skip
        """Write the first user of a client. A taken e-mail is a duplicate key, which ends the transaction."""
        owner = {
            "_id": user_id,
            "type": "client",
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "folded": folded_email(email),
            "status": "active",
            "client_id": client_id,
            "account_owner": True,
            "deleted": False,
            "dates": {"created": now, "updated": now},
            "schema_version": SCHEMA_VERSION,
        }
        await self._users.insert_one(owner, session=session)
