"""The list's `total` around 10 000 leads (contract, "List"). In memory only: the embedded server takes minutes."""

import pytest
from mongomock_motor import AsyncMongoMockClient

from app.clock import now
from app.leads.model import new_document
from app.mongo.client import Client, Database
from tests.client import Api, Json


@pytest.fixture
def store_client() -> Client:
    """The databases of these tests are in memory."""
    client: Client = AsyncMongoMockClient()
    return client


async def test_total_is_exact_up_to_ten_thousand_and_may_be_some_seconds_old_above(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    monkeypatch.setattr("app.leads.listing.monotonic", lambda: seconds[0])
    moment = now()
    values = {"title": "x", "status": 1, "category": 3}
    await database["leads"].insert_many([new_document(number, values, moment, {}) for number in range(100, 10_099)])
    metas = [await meta(api)]

    for later in (0.0, 0.0, 4.9, 0.2):
        await api.lead()
        seconds[0] += later
        metas.append(await meta(api, page=401))

    assert [found["total"] for found in metas] == [9_999, 10_000, 10_001, 10_001, 10_003]
    assert [found["last_page"] for found in metas] == [400, 400, 401, 401, 401]


async def meta(api: Api, **params: int) -> Json:
    """Return the list's `meta`."""
    found: Json = (await api.get("/api/leads", **params)).json()["meta"]
    return found
