"""Services and records to call the endpoints with."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo.client import Client
from leads_api.settings import Settings
from tests.api.endpoints import make_records
from tests.client import KEY, Api
from tests.conftest import PATIENCE, no_events, serving

_DATABASE = "test_shared"


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Let nothing relay or send events.

    The embedded server takes longer to open a change stream than most tests. And no receiver listens: what is shown of
    deliveries stays the same.
    """
    with no_events():
        yield


@pytest.fixture
async def ids(api: Api) -> dict[str, int]:
    """Ids of one record of each kind."""
    return await make_records(api)


@pytest.fixture(scope="session")
def shared_client(store: str, request: pytest.FixtureRequest) -> Client:
    """A client of the store that the shared service is on."""
    client: Client = AsyncMongoMockClient() if store == "mock" else request.getfixturevalue("wire_client")
    return client


@pytest.fixture(scope="session")
async def shared(shared_client: Client) -> AsyncIterator[Api]:
    """The API on one database for many tests: for those that do not mind what others have left in it."""
    await shared_client.drop_database(_DATABASE)
    settings = Settings(api_key=KEY, mongodb_database=_DATABASE, request_timeout=PATIENCE, webhook_allow_private=True)
    async with AsyncExitStack() as stack:
        with no_events():
            api = await stack.enter_async_context(serving(settings, shared_client))
        yield api
    await shared_client.drop_database(_DATABASE)
