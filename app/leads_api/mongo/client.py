"""The MongoDB client: connection settings, deadlines, sessions, and the differences between Motor and PyMongo."""

import asyncio
import os
import re
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar, Token
from inspect import isawaitable
from math import inf
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import Any, Literal

# Motor runs every call on a thread, and reads this variable at import. With its default of five threads per core, a
# few transactions and the writes that wait for them can use all threads and block each other.
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")

import pymongo
from bson.raw_bson import RawBSONDocument
from gridfs.asynchronous import AsyncGridFSBucket
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
    AsyncIOMotorGridFSBucket,
)
from pymongo import AsyncMongoClient, IndexModel, MongoClient, UpdateOne
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
"""A session in a transaction; None on mongomock, which has no sessions."""

POOL_SIZE = 64
"""Connections per process; equal to the number of the driver's threads, so that no call waits for a connection."""

IDLE_SECONDS = 120
"""How long an unused connection is kept. Firewalls drop idle connections silently after a longer time."""

CLOSE_SECONDS = 1.0
"""Limit of the client's last call to the server. Without it, a server that hangs delays shutdown by ten seconds."""

LEAST_SECONDS = 0.05
"""With less time than this left, nothing is sent to the database.

Nearly every short call takes less. What is sent with less is likely to be written, while its caller is told 503.
"""

LONGEST_SECONDS = 60.0
"""Limit of a batch or a transaction whose context has no earlier deadline, which is so outside of requests only."""

REACH_SECONDS = 2.0
"""How long startup waits for the database before it continues without it, and readiness for each ping."""


_LOCAL_SECONDS = 10
"""How long a server on this machine may take to answer."""


class Standalone(Exception):  # noqa: N818 - named as the failures are
    """The server is not a member of a replica set, so it has no transactions."""


class UnusableUri(Exception):  # noqa: N818 - named as the failures are
    """LEADS_MONGODB_URI is not valid. The message does not repeat it, because it may contain a password."""

    def __init__(self, reason: str = "is not valid") -> None:
        super().__init__(f"LEADS_MONGODB_URI {reason}. Example: mongodb://user:password@host:27017/?replicaSet=rs0.")


def without_secrets(uri: str) -> str:
    """Return the scheme and hosts of a URI, without user, password, database and options."""
    scheme, _, rest = uri.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}"


def check_uri(uri: str) -> None:
    """Raise UnusableUri for an address with which no client can be made, or of which the driver would ignore a part."""
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise UnusableUri("must begin with mongodb:// or mongodb+srv://")
    if not uri.isprintable():
        raise UnusableUri
    try:
        with warnings.catch_warnings():
            # The driver only warns of an option that it does not know or understand: `tls=ture` would be without TLS.
            warnings.simplefilter("error")
            AsyncMongoClient(uri, **_options(1000))  # it does not connect
    except OSError as error:
        raise UnusableUri(f"names a file that cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, PyMongoError, Warning) as error:
        names = re.findall(r"(?:^|[&;])([A-Za-z]+)=", uri.rpartition("?")[2]) if "?" in uri else []
        named = next((name for name in names if name.lower() in str(error).lower()), None)
        raise UnusableUri(f"has an option that cannot be used: {named}" if named else "is not valid") from None


def _options(wait: int) -> dict[str, Any]:
    """Return the options of every client. `wait` limits each of its waits (ms)."""
    return {
        "appname": "leads",
        "tz_aware": True,
        "w": "majority",
        "maxPoolSize": POOL_SIZE,
        "maxIdleTimeMS": IDLE_SECONDS * 1000,
        # These override the URI: with other values, reads may miss writes that were acknowledged before. With
        # these, they may do so only during a partition: a primary that has lost its majority answers until it
        # notices that (10 s). It misses writes to the new primary, and may show writes that will be rolled back.
        "readPreference": "primary",
        "readConcernLevel": "local",
        "serverSelectionTimeoutMS": wait,
        "connectTimeoutMS": wait,
        "waitQueueTimeoutMS": wait,
    }


def connect(uri: str, *, driver: Driver = "motor", request_timeout: float, listeners: Sequence[Any] = ()) -> Client:
    """Return a client, which connects on first use. Each of its waits takes at most 60% of `request_timeout` (seconds).

    `listeners` are told of the driver's events. Raises UnusableUri.
    """
    # The functions below handle all differences between the drivers, so one type stands for both.
    make: Any = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}[driver]
    try:
        client: Client = make(uri, event_listeners=listeners, **_options(round(request_timeout * 600)))
    except (ValueError, TypeError, OSError, PyMongoError):
        raise UnusableUri from None
    return client


def process_at(port: int) -> int | None:
    """Return the process id of the database server on a port of this machine; None if no database server answers."""
    wait = _LOCAL_SECONDS * 1000
    client: MongoClient[Document] = MongoClient(
        "127.0.0.1", port, directConnection=True,
        serverSelectionTimeoutMS=wait, connectTimeoutMS=wait, socketTimeoutMS=wait,
    )  # fmt: skip
    try:
        found = client.admin.command("serverStatus").get("pid")
    except PyMongoError:
        return None
    finally:
        client.close()
    return found if isinstance(found, int) else None


async def close(client: Client) -> None:
    """Close a client's connections within CLOSE_SECONDS, even if the server does not respond."""
    either: Any = client
    with deadline(CLOSE_SECONDS):
        if (closing := either.close()) is not None:  # None: Motor's `close` is synchronous
            await closing


async def start_session(client: Client) -> AsyncIOMotorClientSession:
    """Start a session."""
    either: Any = client
    starting = either.start_session()
    session: AsyncIOMotorClientSession = starting if isinstance(either, AsyncMongoClient) else await starting
    return session


_until: ContextVar[float] = ContextVar("until", default=inf)

until = _until.get
"""Returns the deadline of the current context, on the clock `monotonic`; infinity if there is none."""


class deadline:  # noqa: N801 - called like a function
    """Limit what waits for the database inside the block to `seconds` in total; None removes an outer block's limit.

    The limit is one absolute time. It applies to the driver's calls, which tell it to the server, and to everything
    that queues for them (`until`). An inner block can only shorten it.

    When a caller is cancelled, Motor keeps the thread and the connection busy. So the driver needs a deadline, too;
    asyncio's is not enough.
    """

    __slots__ = ("_driver", "_seconds", "_token")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._driver: AbstractContextManager[None] = pymongo.timeout(seconds)
        self._token: Token[float]

    def __enter__(self) -> None:
        """Begin the block."""
        self._token = _until.set(inf if self._seconds is None else min(_until.get(), monotonic() + self._seconds))
        self._driver.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block."""
        self._driver.__exit__(kind, error, trace)
        _until.reset(self._token)


def deadline_at(late: float) -> deadline:
    """Limit the block to an absolute time, and to LONGEST_SECONDS."""
    # Not below or at zero, which the driver refuses or takes for no limit.
    return deadline(min(max(late - monotonic(), 0.001), LONGEST_SECONDS))


class DeadlinePassed(Unavailable):
    """So little of the deadline is left that the database is not asked."""

    def __init__(self, waited_for: str) -> None:
        """`waited_for` is what took the time, for the log."""
        super().__init__(reason=f"the deadline passed while the request waited for {waited_for}")


def is_mongomock(client: object) -> bool:
    """Return whether a client is mongomock's, which has neither sessions nor transactions.

    Any other client must support transactions.
    """
    return any(kind.__module__.partition(".")[0] == "mongomock_motor" for kind in type(client).__mro__)


def without_zones(collection: Collection) -> Collection:
    """Return the collection with times that have no time zone. All are UTC.

    The driver takes a quarter of its time for a lead to add the zone to two of them.
    """
    if is_mongomock(collection.database.client):  # its times have none
        return collection
    return collection.with_options(codec_options=collection.codec_options.with_options(tz_aware=False))


def without_decoding(collection: Collection) -> "AsyncIOMotorCollection[RawBSONDocument]":
    """Return the collection with documents that are decoded when they are asked for something; not on mongomock."""
    either: Any = collection
    if is_mongomock(collection.database.client):
        raw: AsyncIOMotorCollection[RawBSONDocument] = either
    else:
        raw = either.with_options(codec_options=either.codec_options.with_options(document_class=RawBSONDocument))
    return raw


def is_sharded(client: Client) -> bool:
    """Return whether the client's servers belong to a sharded cluster, as far as they are known."""
    either: Any = client  # Motor's stub takes the property for a method
    servers = either.topology_description.server_descriptions().values()
    return any(server.server_type_name in {"Mongos", "LoadBalancer"} for server in servers)


async def refuse_standalone(client: Client) -> None:
    """Raise Standalone unless the server is a replica set member or a mongos, as transactions require."""
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise Standalone(
            "MongoDB runs as a standalone server, which has no transactions. Start it with --replSet and run"
            " rs.initiate() once, or set LEADS_MONGODB_URI to a replica set or a sharded cluster."
        )


async def create_indexes(collection: Collection, models: Sequence[IndexModel], **options: Any) -> None:
    """Create indexes, without a deadline."""
    either: Any = collection
    if not isinstance(either, AsyncIOMotorCollection):
        with deadline(None):
            await either.create_indexes(models, **options)
        return
    # Motor would use a thread of its pool, and the process could not exit before the build has finished.
    loop, built = asyncio.get_running_loop(), asyncio.Event()
    errors: list[Exception] = []

    def create() -> None:
        try:
            either.delegate.create_indexes(models, **options)
        except Exception as error:  # noqa: BLE001 - raised in the caller, below
            errors.append(error)
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(built.set)

    Thread(target=create, daemon=True).start()
    await built.wait()
    for error in errors:
        raise error


async def aggregate(collection: Collection, pipeline: list[Document]) -> AsyncIterator[Document]:
    """Return the documents of an aggregation."""
    either: Any = collection
    cursor = either.aggregate(pipeline)
    found: AsyncIterator[Document] = await cursor if isawaitable(cursor) else cursor
    return found


async def insert_all(collection: Collection, documents: Sequence[Document], session: Session) -> None:
    """Insert documents in one call, as part of a transaction. If there is only one, a taken value raises Duplicate."""
    if len(documents) == 1:
        await collection.insert_one(documents[0], session=session)
    elif documents:
        await collection.insert_many(documents, session=session)


async def update_each(collection: Collection, updates: Sequence[tuple[Document, Document]], session: Session) -> int:
    """Run updates of one document each, given as filter and update, in one call of a transaction, in their order.

    Return how many of them have found their document.
    """
    if not updates:
        return 0
    if session is None:  # mongomock, whose `bulk_write` does not know the updates of this PyMongo
        return sum([(await collection.update_one(*each)).matched_count for each in updates])
    result = await collection.bulk_write([UpdateOne(*each) for each in updates], ordered=True, session=session)
    return result.matched_count


async def ping(database: Database) -> None:
    """Raise PyMongoError if the database does not respond within REACH_SECONDS."""
    with deadline(REACH_SECONDS):  # a find, because mongomock supports no commands
        await database["counters"].find_one({"_id": "leads"})


def gridfs(database: Database) -> Bucket:
    """Return the GridFS bucket of file contents."""
    either: Any = database
    kind: Any = AsyncGridFSBucket if isinstance(either, AsyncDatabase) else AsyncIOMotorGridFSBucket
    bucket: Bucket = kind(either, bucket_name="blobs")
    return bucket


class NotSetUp(Unavailable):
    """The database responds, but the counters are missing, for example because someone dropped the database."""

    message = "The database is not set up, or is being set up. Please try again; if this stays, restart the service."
