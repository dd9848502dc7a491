"""The shipped gateways, the service as a process, and a stand-in for the service."""

import asyncio
import itertools
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY, Api
from tests.conftest import PATIENCE
from tests.deploy.gateways import HAProxy, Nginx, OpenGateway
from tests.deploy.processes import DEADLINE, free_port, running
from tests.wire.process import until


@pytest.fixture(scope="session")
def open_nginx(tmp_path_factory: pytest.TempPathFactory) -> Nginx:
    return Nginx(tmp_path_factory)


@pytest.fixture(scope="session")
def open_haproxy(tmp_path_factory: pytest.TempPathFactory) -> HAProxy:
    return HAProxy(tmp_path_factory)


@pytest.fixture(scope="session", params=["nginx", "haproxy"])
def open_gateway(request: pytest.FixtureRequest) -> OpenGateway:
    """Each of the shipped gateways."""
    opened: OpenGateway = request.getfixturevalue(f"open_{request.param}")
    return opened


@pytest.fixture(scope="session")
async def service(server_uri: str, wire_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of the service, started as the image starts it."""
    port, folder, database = free_port(), tmp_path_factory.mktemp("service"), f"test_{os.getpid()}_deploy"
    settings = {
        "LEADS_MONGODB_URI": server_uri,
        "LEADS_MONGODB_DATABASE": database,
        "LEADS_API_KEY": KEY,
        "LEADS_DRAIN_SECONDS": "0",
        "LEADS_REQUEST_TIMEOUT": str(PATIENCE),
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("LEADS_")}
    command = [str(Path(sys.executable).with_name("leads")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port, folder / "log", others | settings):
        async with calling(port) as http:
            await until(lambda: is_ready(http), "the service is ready")
        yield port
    await wire_client.drop_database(database)


async def is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/health/ready")).status_code == 200


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


CHECK = b"GET /health/ready "
"""How a gateway asks whether an instance is ready. The stand-in is, and does not count it."""


class StandIn:
    """Stands where the service would be, and notes what comes."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
            if head.startswith(CHECK):
                writer.write(OK)
                return
            self.connections += number == 1
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
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[asyncio.create_task(stand_in.serve(reader, writer))] = writer

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        listening = server.sockets[0]
        yield stand_in, listening.getsockname()[1]
        # A health check of the gateway may just have been accepted. After `close`, it would never be closed.
        asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        for connection, writer in connections.items():
            connection.cancel()
            writer.close()
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
