"""Files on the test's store. No endpoint puts them in, so tests do it through the store of files."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from mongomock_motor import enabled_gridfs_integration

from leads_api.files.store import FileStore
from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.services import Services
from leads_api.settings import Settings
from tests.conftest import PATIENCE


@pytest.fixture
def files(database: Database, store: str) -> Iterator[FileStore]:
    """The store of files on the test's database."""
    # Only on mongomock: while it is enabled, GridFS does not take a real server's collections.
    with enabled_gridfs_integration() if store == "mock" else nullcontext():
        yield Services(
            Settings(mongodb_database=database.name, request_timeout=PATIENCE), database.client, Memory()
        ).files
