"""Services and records to call the endpoints with."""

from collections.abc import AsyncIterator

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo.client import Client
from leads_api.settings import Settings
from tests.api.endpoints import make_records
from tests.client import KEY, Api
from tests.conftest import PATIENCE, serving

_DATABASE = "test_shared"


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let webhooks send nothing: no receiver listens, and what is shown of deliveries stays the same."""

    async def run(_: object) -> None:
        """Do nothing."""

    monkeypatch.setattr("leads_api.webhooks.sender.WebhookSender.run", run)


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
    async with serving(
        Settings(api_key=KEY, mongodb_database=_DATABASE, request_timeout=PATIENCE, webhook_allow_private=True),
        shared_client,
    ) as api:
        yield api
    await shared_client.drop_database(_DATABASE)
