"""Settings on the real server: services of one database, and clients of their own."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from leads_api.mongo.client import Client, connect
from tests.client import Api
from tests.conftest import Serve


@pytest.fixture
def another_client(server_uri: str) -> Iterator[Callable[[], Client]]:
    """Connect as another process would."""
    made: list[Client] = []

    def make() -> Client:
        made.append(connect(server_uri, request_timeout=5.0))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
async def second(serve: Serve) -> AsyncIterator[Api]:
    """Another service on the same database."""
    async with serve() as api:
        yield api
