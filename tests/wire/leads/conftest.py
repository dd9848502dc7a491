"""Leads on the real server."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient

from leads_api.clock import now
from leads_api.leads.model import new_document
from leads_api.leads.store import COLLECTION
from leads_api.mongo.client import Client, Database, close, connect
from leads_api.setup import set_up
from tests.client import Api
from tests.conftest import PATIENCE, no_events, serving, settings
from tests.simulators.relay import Relay
from tests.wire.leads.fail_points import FailPoint, Struck, faulty_server


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Let nothing relay or send events: these tests count, hold back or break the commands of requests."""
    with no_events():
        yield


@pytest.fixture
async def second(database: Database, server_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Another service on the same database, with connections of its own."""
    client = connect(server_uri, driver=request.config.getoption("--driver"), request_timeout=PATIENCE)
    async with serving(settings(database), client) as api:
        yield api
    await close(client)


@pytest.fixture(scope="package")
async def relay(server_uri: str) -> AsyncIterator[Relay]:
    """A relay in front of the real server."""
    async with Relay(server_uri) as relay:
        yield relay


@pytest.fixture(scope="package")
async def relayed_client(relay: Relay, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client of the real server whose commands, and the answers to them, go through the relay."""
    client: Any = connect(relay.uri, driver=request.config.getoption("--driver"), request_timeout=60.0)
    yield client
    # Not in this thread: Motor says good-bye to the server before it returns, and the relay is to hand that on.
    if (closing := await asyncio.to_thread(client.close)) is not None:
        await closing


@pytest.fixture
async def relayed_api(relayed_client: Client, database: Database) -> AsyncIterator[Api]:
    """The API behind the relay. It neither gives up nor looks its settings up again while answers are kept back."""
    async with serving(settings(database, request_timeout=30.0, cache_seconds=60.0), relayed_client) as api:
        await api.lead()
        yield api


@pytest.fixture(scope="package")
async def planned(wire_client: Client) -> AsyncIterator[Database]:
    """A set-up database with some leads, which are only looked at."""
    name = f"plans_{os.getpid()}"
    database = wire_client[name]
    await set_up(database)
    leads = [
        new_document(number, {"title": f"Lead {number}", "status": 1, "category": 3}, now(), {})
        for number in range(1, 51)
    ]
    await database[COLLECTION].insert_many(leads)
    yield database
    await wire_client.drop_database(name)


@pytest.fixture(scope="package")
def faulty_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has fail points."""
    with faulty_server(tmp_path_factory.mktemp("faulty")) as uri:
        yield uri


@pytest.fixture
def struck() -> Struck:
    return Struck()


@pytest.fixture
async def faulty_client(faulty_uri: str, struck: Struck, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """The service's client of that server."""
    drivers: dict[str, Any] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}
    make = drivers[request.config.getoption("--driver")]
    client: Client = make(faulty_uri, appname="leads", w="majority", tz_aware=True, event_listeners=[struck])
    yield client
    await close(client)


@pytest.fixture
async def fail_point(faulty_uri: str, struck: Struck, faulty_client: Client) -> AsyncIterator[FailPoint]:
    admin: Client = AsyncIOMotorClient(faulty_uri, appname="tests")
    point = FailPoint(admin, struck)
    yield point
    await point.disarm()
    await admin.admin.command("killAllSessions", [])  # a transaction that a failed test left open locks the next one
    await close(admin)
