"""One API for all tests that send only what is refused: most of them, and a database for each takes its time."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo.client import Client
from leads_api.settings import Settings
from tests.client import KEY, Api
from tests.conftest import PATIENCE, no_events, serving


@pytest.fixture(scope="package")
def shared_client(store: str, request: pytest.FixtureRequest) -> Client:
    """A client of the test's store."""
    client: Client = AsyncMongoMockClient() if store == "mock" else request.getfixturevalue("wire_client")
    return client


@pytest.fixture(scope="package")
async def untouched(shared_client: Client) -> AsyncIterator[Api]:
    """The API on a database that holds what it was shipped with, and never anything else."""
    name = f"test_{os.getpid()}_untouched"
    settings = Settings(api_key=KEY, mongodb_database=name, request_timeout=PATIENCE)
    async with AsyncExitStack() as stack:
        with no_events():
            api = await stack.enter_async_context(serving(settings, shared_client))
        yield api
    await shared_client.drop_database(name)
