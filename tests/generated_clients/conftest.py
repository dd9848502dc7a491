"""Generators of clients, and a service for the clients to call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leads_api.testing import LeadsService, running_service
from tests.generated_clients.install import PYTHON_VERSIONS, node_packages, python_with
from tests.programs import program


@pytest.fixture(params=PYTHON_VERSIONS)
def python(request: pytest.FixtureRequest) -> Path:
    """A Python that has openapi-python-client, in each version."""
    return python_with(request.param)


@pytest.fixture
def node() -> str:
    return program("node")


@pytest.fixture
def packages(node: str) -> Path:
    """A folder with openapi-typescript, openapi-fetch and the compiler."""
    return node_packages(program("npm"))


@pytest.fixture
def service() -> Iterator[LeadsService]:
    """A service with an empty database, as a process of its own."""
    with running_service("embedded") as service:
        yield service
