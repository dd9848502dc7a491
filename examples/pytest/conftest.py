"""Fixtures of the tests."""

from collections.abc import Iterator

import pytest
from leads_api.testing import LeadsService, running_service

pytest_plugins = ["leads_api.testing"]


@pytest.fixture(scope="session")
def leads_on_a_database() -> Iterator[LeadsService]:
    """One service for all tests that need transactions, on a real database server."""
    with running_service("embedded") as service:
        yield service
