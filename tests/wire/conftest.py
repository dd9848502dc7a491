"""The real server, and commands and services as processes on it."""

import pytest

from leads_api.mongo.client import Client, Database
from leads_api.setup import set_up


@pytest.fixture
def store_client(wire_client: Client) -> Client:
    """The databases of these tests are on the real server."""
    return wire_client


@pytest.fixture
async def given(server_uri: str, database: Database) -> dict[str, str]:
    """Settings that lead to a database that is set up."""
    await set_up(database)
    return {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}
