"""A database of its own for each test that breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    server = Database(tmp_path / "store")
    yield server
    server.stop()
