"""The ways to the service: straight, and through the shipped nginx and HAProxy."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.attacks.recorder import recording
from tests.attacks.ways import Ways
from tests.deploy.conftest import open_haproxy, open_nginx
from tests.deploy.gateways import HAProxy, Nginx

__all__ = ["open_haproxy", "open_nginx"]

_HAPROXY = {"haproxy": "", "haproxy, lenient": "option accept-invalid-http-request"}


@pytest.fixture(scope="session")
def ways(request: pytest.FixtureRequest) -> Iterator[Ways]:
    """All ways to one recorder."""
    with ExitStack() as stack:
        recorder, service = stack.enter_context(recording())

        def nginx() -> int:
            opened: Nginx = request.getfixturevalue("open_nginx")
            return stack.enter_context(opened(service))

        def haproxy(option: str) -> int:
            opened: HAProxy = request.getfixturevalue("open_haproxy")
            return stack.enter_context(opened(service, option=option))

        openers = {name: lambda option=option: haproxy(option) for name, option in _HAPROXY.items()}
        yield Ways(recorder, {"direct": lambda: service, "nginx": nginx} | openers)
