"""What a database has in the end."""

from dataclasses import dataclass, field
from typing import Any

from leads_api.mongo.client import Database, start_session
from leads_api.mongo.transaction_runs import begin
from tests.client import Json


@dataclass
class Found:
    """The documents of a database."""

    leads: list[Json] = field(default_factory=list)
    checklists: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    clients: list[Json] = field(default_factory=list)
    owners: list[Json] = field(default_factory=list)
    mails: list[Json] = field(default_factory=list)

    @classmethod
    async def read(cls, database: Database) -> "Found":
        """Read all of it as it is at one moment: what was sent before may still be executed."""
        async with await start_session(database.client) as session:
            await begin(session)

            async def every(collection: str, **wanted: Any) -> list[Json]:
                return [document async for document in database[collection].find(wanted, session=session)]

            found = cls(
                leads=await every("leads"),
                checklists=await every("checklists"),
                files=await every("files"),
                clients=await every("clients"),
                owners=await every("users", type="client"),
                mails=await every("mails"),
            )
            await session.abort_transaction()
        return found
