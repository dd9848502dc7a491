"""The seam between the service and its driver (app/leads_api/mongo/client.py)."""

from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient

from leads_api.mongo.client import is_mongomock


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
