"""Files on the test's store. No endpoint puts them in, so tests do it through the store of files."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from mongomock_motor import enabled_gridfs_integration

from leads_api.files.store import FileStore
from leads_api.mongo.client import Database, gridfs
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import SerialWork, Transactions


@pytest.fixture
def files(database: Database, store: str) -> Iterator[FileStore]:
    """The store of files on the test's database."""
    transact = SerialWork() if store == "mock" else Transactions(database, ConcurrencyLimits())
    # Only on mongomock: while it is enabled, GridFS does not take a real server's collections.
    with enabled_gridfs_integration() if store == "mock" else nullcontext():
        yield FileStore(database, lambda: gridfs(database), Ids(database), transact)
