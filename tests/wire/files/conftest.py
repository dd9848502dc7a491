"""Files on the real server. No endpoint puts them in, so tests do it through the store of files."""

import pytest

from leads_api.files.store import FileStore
from leads_api.mongo.client import Client, Database, gridfs
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import Transactions


@pytest.fixture
def store_client(wire_client: Client) -> Client:
    """The databases of these tests are on the real server."""
    return wire_client


@pytest.fixture
def files(database: Database) -> FileStore:
    """The store of files on the test's database."""
    transact = Transactions(database, ConcurrencyLimits())
    return FileStore(database, lambda: gridfs(database), Ids(database), transact)
