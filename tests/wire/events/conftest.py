"""Events on the real server."""

import pytest

from leads_api.mongo.client import Client


@pytest.fixture
def store_client(wire_client: Client) -> Client:
    """The databases of these tests are on the real server."""
    return wire_client
