"""What `leads doctor` asks the database: its kind and version, and what its user may do. Nothing is written."""

from inspect import isawaitable
from typing import Any

from bson import ObjectId
from msgspec import Struct
from pymongo.read_concern import ReadConcern

from leads_api.mongo.client import Client, Database, start_session
from leads_api.mongo.transaction_runs import begin


class Server(Struct, frozen=True):
    """The kind and version of a database server."""

    version: str
    is_sharded: bool
    replica_set: str | None
    members: int

    @property
    def has_transactions(self) -> bool:
        """Whether it is no standalone server."""
        return self.is_sharded or self.replica_set is not None


async def server_of(client: Client) -> Server:
    """Return what the server says about itself."""
    hello = await client.admin.command("hello")
    version = (await client.admin.command("buildInfo"))["version"]
    return Server(version, hello.get("msg") == "isdbgrid", hello.get("setName"), len(hello.get("hosts", ())))


async def try_to_write(database: Database, collection: str) -> None:
    """Insert a document in a transaction that is rolled back. Raises DatabaseError if that is not possible."""
    session = await start_session(database.client)
    try:
        await begin(session)
        try:
            await database[collection].insert_one({"_id": ObjectId()}, session=session)
        finally:
            await session.abort_transaction()
    finally:
        await session.end_session()


async def try_to_watch(database: Database) -> None:
    """Open a change stream and close it again. Raises DatabaseError if that is not possible."""
    either: Any = database.with_options(read_concern=ReadConcern("majority"))
    opening = either.watch(max_await_time_ms=1)
    stream = await opening if isawaitable(opening) else opening
    try:
        await stream.try_next()
    finally:
        await stream.close()
