"""A database of its own for each test that breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.database import Database


@pytest.fixture
def database(store_folder: Path) -> Iterator[Database]:
    server = Database(store_folder)
    yield server
    server.stop()
