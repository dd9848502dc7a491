"""The seam between the service and its driver."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from threading import Thread
from typing import Any, Literal

# Motor runs every call on a thread, and reads this when it is imported. With its default of five per core, a few
# transactions and the writes that wait for them can lock each other out.
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")

import pymongo
from gridfs.asynchronous import AsyncGridFSBucket
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
    AsyncIOMotorGridFSBucket,
)
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from leads_api.errors import Unavailable

Document = dict[str, Any]
Driver = Literal["motor", "pymongo"]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]
Bucket = AsyncIOMotorGridFSBucket
Session = AsyncIOMotorClientSession | None
"""A session in a transaction; None on mongomock, which has neither."""

POOL_SIZE = 64
"""Connections of one process: as many as the driver has threads, so that no call waits for a connection."""

IDLE_SECONDS = 120
"""How long a connection is kept that nobody uses: less than firewalls do, which forget one without a word."""

CLOSE_SECONDS = 1.0
"""How long a server is told that its client goes. Without a bound, one that hangs holds up the end for ten seconds."""

REACH_SECONDS = 2.0
"""How long a start looks for its database before it goes on without."""


class Standalone(Exception):  # noqa: N818 - named as the failures are
    """The server is no member of a replica set, so it has no transactions."""


class UnusableUri(Exception):  # noqa: N818 - named as the failures are
    """The address of the database cannot be read. The text does not repeat it: it may hold a password."""

    def __init__(self) -> None:
        super().__init__(
            "LEADS_MONGODB_URI cannot be used: it must be like mongodb://user:password@host:27017/?replicaSet=rs0."
        )


def without_secrets(uri: str) -> str:
    """Return where an address leads, without user, password and options."""
    scheme, _, rest = uri.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}"


def connect(uri: str, *, driver: Driver = "motor", request_timeout: float) -> Client:
    """Make a client. It connects when it is first used; every wait of it ends within the timeout (seconds).

    Raises UnusableUri.
    """
    wait = round(request_timeout * 600)
    # What is used of the two drivers is the same but for what the functions below do, so one type stands for both.
    make: Any = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}[driver]
    try:
        client: Client = make(
            uri,
            appname="leads",
            tz_aware=True,
            w="majority",
            maxPoolSize=POOL_SIZE,
            maxIdleTimeMS=IDLE_SECONDS * 1000,
            # Whatever the address says: a read sees what was acknowledged before, which others do not promise.
            readPreference="primary",
            readConcernLevel="local",
            serverSelectionTimeoutMS=wait,
            connectTimeoutMS=wait,
            waitQueueTimeoutMS=wait,
        )
    except (ValueError, TypeError, PyMongoError):
        raise UnusableUri from None
    return client


async def close(client: Client) -> None:
    """Close a client's connections, in time also if the server does not answer its good-bye."""
    either: Any = client
    with deadline(CLOSE_SECONDS):
        if (closing := either.close()) is not None:  # Motor has closed it already
            await closing


async def start_session(client: Client) -> AsyncIOMotorClientSession:
    """Start a session."""
    either: Any = client
    starting = either.start_session()
    session: AsyncIOMotorClientSession = starting if isinstance(either, AsyncMongoClient) else await starting
    return session


def deadline(seconds: float | None) -> AbstractContextManager[None]:
    """Bound all that the driver does inside the block; None lifts the bound of an outer block.

    Motor keeps thread and connection busy when a caller is cancelled, so the deadline must be the driver's, not
    asyncio's alone.
    """
    return pymongo.timeout(seconds)


def is_mongomock(client: object) -> bool:
    """Tell whether a client is the in-process stand-in, which has neither sessions nor transactions.

    Only what is certainly mongomock's is: whatever else is handed in works with transactions, or fails.
    """
    return any(kind.__module__.partition(".")[0] == "mongomock_motor" for kind in type(client).__mro__)


async def refuse_standalone(client: Client) -> None:
    """Raise Standalone unless the server is (behind) a replica set, which transactions need."""
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise Standalone(
            "MongoDB runs as a standalone server, which has no transactions. Start it with --replSet and run"
            " rs.initiate() once, or point LEADS_MONGODB_URI at a replica set or a sharded cluster."
        )


async def create_indexes(collection: Collection, models: Sequence[IndexModel], **options: Any) -> None:
    """Create indexes, however long it takes."""
    either: Any = collection
    if not isinstance(either, AsyncIOMotorCollection):
        with deadline(None):
            await either.create_indexes(models, **options)
        return
    # Motor would use a thread of its pool, and the process could not end before the build does.
    loop, built = asyncio.get_running_loop(), asyncio.Event()
    errors: list[Exception] = []

    def create() -> None:
        try:
            either.delegate.create_indexes(models, **options)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            errors.append(error)
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(built.set)

    Thread(target=create, daemon=True).start()
    await built.wait()
    for error in errors:
        raise error


async def ping(database: Database) -> None:
    """Raise if the database does not answer. Works on mongomock as well, which knows no commands."""
    await database["counters"].find_one({"_id": "leads"})


def gridfs(database: Database) -> Bucket:
    """Return the bucket that keeps the contents of files."""
    either: Any = database
    kind: Any = AsyncGridFSBucket if isinstance(either, AsyncDatabase) else AsyncIOMotorGridFSBucket
    bucket: Bucket = kind(either, bucket_name="blobs")
    return bucket


class NotSetUp(Unavailable):
    """The database answers, but what the service keeps there is missing: it was emptied under a running service."""

    message = "The database is not set up, or is being set up. Please try again; if this stays, restart the service."
