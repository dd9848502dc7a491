"""A service to send bytes to."""

from collections.abc import Iterator

import pytest

from leads_api.testing import LeadsService, running_service


@pytest.fixture(scope="session")
def raw_service() -> Iterator[LeadsService]:
    """A service over TCP, in this process, for all tests that do not mind what others have done to it."""
    with running_service(environment={"LEADS_MAX_BODY_BYTES": "100000"}) as service:
        yield service
