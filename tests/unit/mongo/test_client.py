"""The seam between the service and its driver (app/leads_api/mongo/client.py)."""

from time import monotonic
from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.errors import BulkWriteError

from leads_api.mongo.client import LONGEST_SECONDS, deadline_at, is_mongomock, is_sharded, until, update_each
from leads_api.mongo.faults import too_large_at


class TracedMotor(AsyncIOMotorClient[dict[str, Any]]):
    """As libraries for tracing make one."""


class TracedPyMongo(AsyncMongoClient[dict[str, Any]]):
    """As libraries for tracing make one."""


class PreparedMock(AsyncMongoMockClient):  # type: ignore[type-arg]  # it is what it stands in for, to mypy
    """As a test's helper makes one."""


class Proxy:
    """Something else that hands calls on."""


@pytest.mark.parametrize("kind", [AsyncMongoMockClient, PreparedMock])
def test_mongomock_is_known_for_what_it_is(kind: type) -> None:
    assert is_mongomock(kind())


@pytest.mark.parametrize("kind", [TracedMotor, TracedPyMongo, AsyncIOMotorClient, AsyncMongoClient, Proxy])
def test_whatever_is_not_mongomock_gets_transactions(kind: type) -> None:
    assert not is_mongomock(object.__new__(kind))


def test_a_deadline_that_has_passed_is_a_short_one_and_no_error() -> None:
    with deadline_at(monotonic() - 1):
        assert until() < monotonic() + LONGEST_SECONDS


@pytest.mark.parametrize(
    ("kinds", "sharded"),
    [(["Mongos", "Unknown"], True), (["LoadBalancer"], True), (["RSPrimary", "RSSecondary"], False)],
)
def test_a_sharded_cluster_is_known_by_its_routers(kinds: list[str], sharded: bool) -> None:
    servers = {number: type("Server", (), {"server_type_name": kind}) for number, kind in enumerate(kinds)}
    client: Any = type("Client", (), {})()
    client.topology_description = type("Topology", (), {"server_descriptions": lambda _: servers})()

    assert is_sharded(client) == sharded


@pytest.mark.parametrize("kind", [AsyncIOMotorClient, AsyncMongoClient])
def test_a_client_that_knows_no_server_yet_is_not_sharded(kind: Any) -> None:
    assert not is_sharded(kind("mongodb://127.0.0.1:1", connect=False))


class Full:
    """A collection whose server refuses the last update of a call, because its document would become too large."""

    async def bulk_write(self, requests: list[Any], **_: object) -> None:
        raise BulkWriteError({"writeErrors": [{"index": len(requests) - 1, "code": 17419, "errmsg": "too large"}]})


@pytest.mark.parametrize("count", [1, 3])
async def test_of_updates_in_a_transaction_the_one_that_is_too_large_is_known(count: int) -> None:
    collection: Any = Full()
    session: Any = object()

    with pytest.raises(BulkWriteError) as refused:
        await update_each(collection, [({"_id": number}, {"$set": {"a": 1}}) for number in range(count)], session)

    assert too_large_at(refused.value) == count - 1
