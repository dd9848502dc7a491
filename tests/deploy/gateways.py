"""The shipped gateways, nginx and HAProxy, as processes in front of some ports."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.deploy.processes import DEPLOY, compose, free_port, running
from tests.programs import program


class OpenGateway(Protocol):
    """Puts a gateway in front of ports for the length of a block; gives its port.

    Some of its variables may be changed.
    """

    name: str

    away: int
    """Its status when no instance can be reached."""

    def __call__(self, *upstreams: int, **changes: Any) -> AbstractContextManager[int]: ...


def gateway_variables() -> dict[str, str]:
    """Return what the compose file gives to the gateway when nothing is set in .env."""
    given: dict[str, str] = compose()["gateway"]["environment"]
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in given.items()}


class Nginx:
    """The shipped nginx."""

    name = "nginx"
    away = 502

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._program = program("nginx")
        self._folders = folders

    @contextmanager
    def __call__(self, *upstreams: int, files: Mapping[str, str] = {}, **changes: str) -> Iterator[int]:
        """`files` are put beside its own, by path."""
        folder, port = self._folders.mktemp("nginx"), free_port()
        places = {
            "GATEWAY_PORT": f"127.0.0.1:{port}",
            "GATEWAY_ONCE_PORT": str(free_port()),
            "GATEWAY_UPSTREAM": " max_fails=0; server ".join(f"127.0.0.1:{upstream}" for upstream in upstreams),
        }
        variables = gateway_variables() | {"GATEWAY_RESOLVER": "127.0.0.1"} | places | changes
        shutil.copy(DEPLOY / "gateway" / "nginx.conf", folder)
        (folder / "conf.d").mkdir()
        for template in (DEPLOY / "gateway" / "templates").glob("*.template"):
            text = re.sub(r"\$\{(GATEWAY_[A-Z_]+)\}", lambda match: variables[match[1]], template.read_text())
            (folder / "conf.d" / template.stem).write_text(text)
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        with running_nginx(self._program, folder, port):
            yield port


@contextmanager
def running_nginx(nginx: str, folder: Path, port: int) -> Iterator[None]:
    """Run nginx with the nginx.conf of a folder, which listens on the port."""
    user = "user root; " if os.geteuid() == 0 else ""  # else the workers could not write into the test's folder
    options = ["-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", f"{user}daemon off;"]
    with running([nginx, *options], port, folder / "log", dict(os.environ)):
        yield


class HAProxy:
    """The shipped HAProxy; its instances are those of the test, and `option` is a line of its frontend."""

    name = "haproxy"
    away = 503

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._program = program("haproxy")
        self._folders = folders

    @contextmanager
    def __call__(self, *upstreams: int, option: str = "", **changes: str) -> Iterator[int]:
        folder, port = self._folders.mktemp("haproxy"), free_port()
        shipped = (DEPLOY / "gateway" / "haproxy.cfg").read_text()
        lines = "".join(f"    server number-{upstream} 127.0.0.1:{upstream}\n" for upstream in upstreams)
        text, replaced = re.subn(r"(^    server \S+ \S+\n)+", lines, shipped, flags=re.MULTILINE)
        assert replaced == 1
        (folder / "haproxy.cfg").write_text(text.replace("frontend callers\n", f"frontend callers\n    {option}\n"))
        environment = dict(os.environ) | {"GATEWAY_PORT": f"127.0.0.1:{port}"} | changes
        with running([self._program, "-db", "-f", "haproxy.cfg"], port, folder / "log", environment, folder):
            yield port
