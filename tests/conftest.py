"""The stores that tests run on, and the API in front of them."""

import asyncio
import gc
import io
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from litestar import Litestar
from mongomock_motor import AsyncMongoMockClient

from leads_api.asgi import create_app
from leads_api.mongo.client import Client, Database, close, connect, deadline, is_mongomock
from leads_api.server.embedded import Embedded
from leads_api.settings import Settings
from leads_api.telemetry import logs
from tests.client import KEY, Api
from tests.programs import told_once
from tests.store_folder import folder_for_store

_NAME = f"test_{os.getpid()}"

# How long an example takes says something about the machine only.
hypothesis_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any machine")

GIVEN_SERVER = "LEADS_TEST_MONGODB_URI"
"""Names a server to test on, instead of an embedded one."""
NOT_THERE = "tests that kill, stop or disturb a database server of their own (own_database) are deselected"

PATIENCE = 20.0
"""Seconds that a request may take, where a test is not about that: that the machine is busy is no fault."""

Serve = Callable[..., AbstractAsyncContextManager[Api]]
"""Serves the API with some settings changed, for the length of a block."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=["mock", "wire"], help="run the API tests on this store only (default: both)")
    parser.addoption("--driver", choices=["motor", "pymongo"], default="motor", help="driver of the real server")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["LEADS_TEST_MONGODB_DRIVER"] = config.getoption("--driver")  # for the processes that tests start
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; those processes inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str | None:
    return f"{GIVEN_SERVER} is set: {NOT_THERE}" if GIVEN_SERVER in os.environ else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if GIVEN_SERVER in os.environ:
        apart = [item for item in items if item.get_closest_marker("own_database")]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # so that the collector does not scan all modules and tests again and again


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    told_once(report, call.excinfo and call.excinfo.value)
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        only = metafunc.config.getoption("--store")
        metafunc.parametrize("store", [only] if only else ["mock", "wire"], indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def patient_start() -> Iterator[None]:
    """Let a service in process look for its database as long as that takes on a busy machine, not for 2 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leads_api.setup.REACH_SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="session")
def server_uri() -> Iterator[str]:
    """A real server, over TCP: the given one, else an embedded one."""
    if given := os.environ.get(GIVEN_SERVER):
        yield given
        return
    # A short history: to open a change stream, as each service does, this server reads all of it.
    with folder_for_store() as folder, Embedded(folder, history_entries=2000) as server:
        yield server.uri


@pytest.fixture
def store_folder() -> Iterator[Path]:
    """A folder for the files of a test's own server."""
    with folder_for_store() as folder:
        yield folder


@pytest.fixture(scope="session")
async def wire_client(server_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client of the real server."""
    client = connect(server_uri, driver=request.config.getoption("--driver"), request_timeout=PATIENCE)
    yield client
    await close(client)


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> str:
    """Which of the two stores a test runs on: `mock` or `wire`."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def mock_client() -> Client:
    """A client of mongomock."""
    client: Client = AsyncMongoMockClient()
    return client


@pytest.fixture
def store_client(store: str, request: pytest.FixtureRequest) -> Client:
    """A client of the test's store."""
    client: Client = request.getfixturevalue(f"{store}_client")
    return client


@pytest.fixture
async def database(store_client: Client) -> AsyncIterator[Database]:
    """An empty database for a test."""
    # The same one for all tests, emptied: on the real server, its indexes take longer to make than most tests.
    database = store_client[_NAME]
    yield database
    if is_mongomock(store_client):
        await store_client.drop_database(_NAME)
        return
    with deadline(60):  # a test that leaves a transaction open is to fail, not to hang
        for collection in await database.list_collection_names():
            if not collection.startswith("system."):
                await database[collection].delete_many({})


def settings(database: Database, **changes: Any) -> Settings:
    """Return the settings of a service on a test's database."""
    fields: dict[str, Any] = {
        "api_key": KEY, "mongodb_database": database.name, "request_timeout": PATIENCE,
        "webhook_allow_private": True,  # receivers of tests are on this machine
    }  # fmt: skip
    return Settings(**fields | changes)


@pytest.fixture
def serve(database: Database) -> Serve:
    """Serve the API on the test's database, in process."""
    return lambda **changes: serving(settings(database, **changes), database.client)


_applications: dict[tuple[int, str], Litestar] = {}
"""Applications by client and database, for tests that change no setting: making one takes longer than most of them.

All parts of one are made again when its lifespan begins. Databases of a test's own have none here.
"""


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """The API on the test's database, in process."""
    client, place = database.client, (id(database.client), database.name)
    app = _applications.pop(place, None) or create_app(settings(database), mongo=client)
    async with calling(app) as api:
        yield api
    if database.name == _NAME:
        _applications[place] = app


@contextmanager
def no_events() -> Iterator[None]:
    """Let services that start in the block neither relay events nor send them to webhooks."""

    async def run(_: object) -> None:
        """Do nothing."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leads_api.events.relay.Relay.run", run)
        patch.setattr("leads_api.webhooks.sender.WebhookSender.run", run)
        yield


@asynccontextmanager
async def serving(settings: Settings, client: Client) -> AsyncIterator[Api]:
    """Run a service in process, and call it without a network."""
    async with calling(create_app(settings, mongo=client)) as api:
        yield api


@asynccontextmanager
async def calling(app: Litestar) -> AsyncIterator[Api]:
    """Run an application, and call it without a network."""
    async with running(app):
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
        async with httpx.AsyncClient(transport=transport, base_url="http://leads.test") as http:
            async with asyncio.timeout(PATIENCE):  # on a busy machine, setting up may go on behind the start
                while (await http.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 - HTTP knows no event
                    await asyncio.sleep(0.02)
            yield Api(http)


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """Run an application's lifespan for the length of the block."""
    started, ending = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # in one task: the framework's scopes must end in the task that they began in
        async with app.lifespan():
            started.set()
            await ending.wait()

    life = asyncio.create_task(live())
    await asyncio.wait({life, asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        ending.set()
        await life


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs, at its finest level, as it is configured in a process."""
    root = logging.getLogger()
    others = {name: logging.getLogger(name).level for name in ("", "leads", "uvicorn")}
    handlers, written = root.handlers, io.StringIO()
    logs.configure("debug")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers = handlers
    structlog.reset_defaults()
    for name, level in others.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder of its own."""
    return tmp_path / "data"
