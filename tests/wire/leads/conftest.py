"""Leads on the real server."""

import os
from collections.abc import AsyncIterator

import pytest

from app.clock import now
from app.leads.model import new_document
from app.leads.store import COLLECTION
from app.mongo.client import Client, Database, close, connect
from app.settings import Settings
from app.setup import set_up
from tests.client import KEY, Api
from tests.conftest import PATIENCE, serving


@pytest.fixture
def store_client(wire_client: Client) -> Client:
    """The databases of these tests are on the real server."""
    return wire_client


@pytest.fixture
async def second(database: Database, server_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Another service on the same database, with connections of its own."""
    client = connect(server_uri, driver=request.config.getoption("--driver"), request_timeout=PATIENCE)
    settings = Settings(api_key=KEY, mongodb_database=database.name, request_timeout=PATIENCE)
    async with serving(settings, client) as api:
        yield api
    await close(client)


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
