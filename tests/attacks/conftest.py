"""The ways to the service: straight, through the shipped nginx, and through HAProxy."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.attacks.recorder import recording
from tests.attacks.ways import Ways
from tests.deploy.conftest import OpenGateway, free_port, open_gateway, running
from tests.programs import program

__all__ = ["open_gateway"]

_CONFIGURATION = Path(__file__).with_name("haproxy.cfg")
_HAPROXY = {"haproxy": "", "haproxy, lenient": "option accept-invalid-http-request"}


@contextmanager
def running_haproxy(folder: Path, service: int, option: str) -> Iterator[int]:
    """Run HAProxy in front of a port; give its own."""
    port = free_port()
    path = folder / "haproxy.cfg"
    path.write_text(_CONFIGURATION.read_text().format(port=port, service=service, option=option))
    with running([program("haproxy"), "-db", "-f", str(path)], port, folder / "log", dict(os.environ)):
        yield port


@pytest.fixture(scope="session")
def ways(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """All ways to one recorder."""
    with ExitStack() as stack:
        recorder, service = stack.enter_context(recording())

        def nginx() -> int:
            open_nginx: OpenGateway = request.getfixturevalue("open_gateway")
            return stack.enter_context(open_nginx(service))

        def haproxy(option: str) -> int:
            return stack.enter_context(running_haproxy(tmp_path_factory.mktemp("haproxy"), service, option))

        openers = {name: lambda option=option: haproxy(option) for name, option in _HAPROXY.items()}
        yield Ways(recorder, {"direct": lambda: service, "nginx": nginx} | openers)
