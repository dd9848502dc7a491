"""Files on the real server. No endpoint puts them in, so tests do it through the store of files."""

import pytest

from leads_api.files.store import FileStore
from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.services import Services
from leads_api.settings import Settings
from tests.conftest import PATIENCE


@pytest.fixture
def files(database: Database) -> FileStore:
    """The store of files on the test's database."""
    return Services(Settings(mongodb_database=database.name, request_timeout=PATIENCE), database.client, Memory()).files
