"""The gateway as a process with the shipped configuration, the service as a process, and a stand-in for the service."""

import asyncio
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from leads_api.mongo.client import Client
from tests.client import KEY, Api
from tests.programs import program

DEPLOY = Path(__file__).parents[2] / "deploy"
DEADLINE = 120.0

OpenGateway = Callable[..., AbstractContextManager[int]]
"""Puts a gateway in front of a port for the length of a block; gives its port.

Some of its variables may be changed, and files added beside its own (`files`, by path).
"""


def compose() -> dict[str, Any]:
    """Return the compose file's services."""
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def gateway_variables() -> dict[str, str]:
    """Return what the compose file gives to the gateway when nothing is set in .env."""
    given: dict[str, str] = compose()["gateway"]["environment"]
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in given.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"it did not start: {log.read_text()}")


@contextmanager
def running(command: list[str], port: int, log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_for_port(port, process, log)
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture(scope="session")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> OpenGateway:
    nginx = program("nginx")

    @contextmanager
    def opened(*upstreams: int, files: Mapping[str, str] = {}, **changes: str) -> Iterator[int]:
        folder = tmp_path_factory.mktemp("gateway")
        port = free_port()
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
        with running_nginx(nginx, folder, port):
            yield port

    return opened


@contextmanager
def running_nginx(nginx: str, folder: Path, port: int) -> Iterator[None]:
    """Run nginx with the nginx.conf of a folder, which listens on the port."""
    user = "user root; " if os.geteuid() == 0 else ""  # else the workers could not write into the test's folder
    options = ["-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", f"{user}daemon off;"]
    with running([nginx, *options], port, folder / "log", dict(os.environ)):
        yield


@pytest.fixture(scope="session")
async def service(server_uri: str, wire_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of the service, started as the image starts it."""
    port, folder, database = free_port(), tmp_path_factory.mktemp("service"), f"test_{os.getpid()}_deploy"
    settings = {
        "LEADS_MONGODB_URI": server_uri,
        "LEADS_MONGODB_DATABASE": database,
        "LEADS_API_KEY": KEY,
        "LEADS_DRAIN_SECONDS": "0",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("LEADS_")}
    command = [str(Path(sys.executable).with_name("leads")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port, folder / "log", others | settings):
        yield port
    await wire_client.drop_database(database)


@pytest.fixture(scope="session")
def gateway(open_gateway: OpenGateway, service: int) -> Iterator[int]:
    """The port of a gateway with the shipped values, in front of the service."""
    with open_gateway(service) as port:
        yield port


@pytest.fixture
async def api(gateway: int) -> AsyncIterator[Api]:
    """The API as callers reach it: through the gateway."""
    async with calling(gateway) as http:
        yield Api(http)


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as http:
        yield http


Answer = Callable[[int, bytes], Awaitable[bytes | None]]
"""Answers the n-th request of a connection, given its head; None closes the connection."""


class StandIn:
    """Stands where the service would be, and notes what comes."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._answer_all(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in itertools.count(1):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            self.heads.append(head)
            if (answer := await self._answer(number, head)) is None:
                return
            writer.write(answer)
            await writer.drain()


OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nETag: "v7.3"\r\n\r\n{}'


async def always_ok(_number: int, _head: bytes) -> bytes | None:
    return OK


async def never(_number: int, _head: bytes) -> bytes | None:
    await asyncio.Event().wait()
    return None


@asynccontextmanager
async def standing_in(answer: Answer) -> AsyncIterator[tuple[StandIn, int]]:
    """Serve on a free port for the length of a block."""
    stand_in = StandIn(answer)
    connections: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(
        lambda reader, writer: connections.add(asyncio.create_task(stand_in.serve(reader, writer))), "127.0.0.1", 0
    )
    async with server:
        yield stand_in, server.sockets[0].getsockname()[1]
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def raw(port: int, sent: bytes) -> bytes:
    """Send bytes as they are; return all that comes until the connection is closed, by whatever way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(DEADLINE):
            with suppress(ConnectionError):
                while part := await reader.read(65_536):
                    received += part
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return received


def parsed(received: bytes) -> httpx.Response:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


def assert_envelope(answer: httpx.Response, status: int, message: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"message": message}
    assert answer.headers["x-request-id"]
