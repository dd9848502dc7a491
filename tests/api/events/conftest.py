"""Events, as they are relayed."""

import pytest


@pytest.fixture(autouse=True)
def silent() -> None:
    """Let services relay events."""
