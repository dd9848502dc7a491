"""Each command that the service sends fails in every manner: every request is answered in time, and told the truth."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from leads_api.mongo.client import Client, close
from tests.client import Json
from tests.faults.answers import assert_in_time, assert_one_reason, ids, operations, stalled
from tests.faults.extent import FULL
from tests.faults.history import History, Request
from tests.faults.judge import judged
from tests.faults.load import made, persistently
from tests.faults.writer import Writer
from tests.simulators.relay import Relay
from tests.wire.leads.fail_points import faulty_server
from tests.wire.process import Service, running

pytestmark = pytest.mark.own_database

TIMEOUT = 1.5
SETTINGS = {
    "LEADS_REQUEST_TIMEOUT": str(TIMEOUT),
    "LEADS_CACHE_SECONDS": "1",
    "LEADS_ACCESS_LOG": "yes",
    "LEADS_LOG_LEVEL": "info",
}
READS, WRITES, TRANSACTIONS = (
    ["find", "aggregate", "getMore"],
    ["insert", "update", "delete", "findAndModify"],
    ["commitTransaction", "abortTransaction"],
)
COMMANDS = [*READS, *WRITES, *TRANSACTIONS]
"""Every command that requests send."""
FAULTS: dict[str, Json] = {
    "write conflict": {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
    "connection closed": {"closeConnection": True},
    "not primary": {"errorCode": 10107},
    "blocked": {"blockConnection": True, "blockTimeMS": int(TIMEOUT * 2000)},
    "retryable": {"errorCode": 91, "errorLabels": ["RetryableWriteError"]},
    "result unknown": {"errorCode": 64, "errorLabels": ["UnknownTransactionCommitResult"]},
    "done, not confirmed": {"writeConcernError": {"code": 64, "errmsg": "-"}},
    # As after a crash: what was committed is there, but the server does not know the transaction any more.
    "done, and forgotten": {
        "writeConcernError": {"code": 251, "errmsg": "-"},
        "errorLabels": ["TransientTransactionError"],
    },
}
LISTS = [
    "/api/leads?search=a&limit=1",
    "/api/leads?cursor=*",
    "/api/leads/1/comments?page=1&limit=1",
    "/api/clients",
    "/api/checklists?resource_type=lead&resource_id=1",
    "/api/team",
]
ITEMS = 101
"""As many as the first answer to a find has at most."""
MODES: dict[str, Json | str] = {"twice": {"times": 2}, "always": "alwaysOn"}

CASES = [
    (command, fault, mode)
    for at, command in enumerate(COMMANDS)
    for number, fault in enumerate(FAULTS)
    for mode in MODES
    # A fault that does not end takes all the time of a request; bounded, there is another one for each command.
    if FULL or (number == at % len(FAULTS) if mode == "always" else fault != "blocked")
]


class Faulty:
    """A service on a server that has fail points, and the history of all its requests."""

    def __init__(self, service: Service, admin: Client, uri: str) -> None:
        self.service = service
        self.uri = uri
        self.history = History()
        self._admin = admin
        self.large = 0
        """A lead with more items than the database returns in one answer."""
        self._told: set[str] = set()

    async def prepare(self, name: str = "leads") -> None:
        """Make the large lead. The checker looks at its first item only."""
        writer = Writer(self.history, self.service.api)
        self.large = await made(writer.create)
        first = await made(lambda: writer.item(self.large))
        items = self._admin[name]["checklists"]
        item = await items.find_one({"_id": first})
        assert item
        await items.insert_many([item | {"_id": 1_000_000 + n, "text": f"more {n}"} for n in range(ITEMS)])

    @asynccontextmanager
    async def failing(self, command: str, fault: Json, mode: Json | str) -> AsyncIterator[None]:
        """Let a command of the service fail during the block."""
        data = {"failCommands": [command], "appName": "leads", **fault}
        await self._admin.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
        try:
            yield
        finally:
            await self._admin.admin.command("configureFailPoint", "failCommand", mode="off")

    async def faults(self, *services: Service) -> list[str]:
        """Compare the history with the database; return what an earlier case has not told already."""
        found = (await judged(self.history, self.uri, *services)).faults
        new = [fault for fault in found if fault not in self._told]
        self._told.update(new)
        return new

    async def end_sessions(self) -> None:
        """End the transactions that could not be ended, as the server does by itself after a minute."""
        await self._admin.admin.command("killAllSessions", [])


@pytest.fixture(scope="module")
def faulty_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with faulty_server(tmp_path_factory.mktemp("faulty")) as uri:
        yield uri


@pytest.fixture(scope="module")
async def admin(faulty_uri: str) -> AsyncIterator[Client]:
    client: Client = AsyncIOMotorClient(faulty_uri, appname="tests")
    yield client
    await close(client)


@pytest.fixture(scope="module")
async def faulty(faulty_uri: str, admin: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Faulty]:
    folder = tmp_path_factory.mktemp("service")
    async with running(folder, given=SETTINGS, LEADS_MONGODB_URI=faulty_uri) as service:
        faulty = Faulty(service, admin, faulty_uri)
        await faulty.prepare()
        yield faulty


class Round:
    """Every kind of write and read once, all at the same moment, on leads of their own."""

    def __init__(self, writer: Writer, large: int) -> None:
        self._writer = writer
        self._large = large
        self._leads: list[int] = []
        self._comment = 0

    async def prepare(self) -> None:
        """Make what is needed, before anything fails."""
        self._leads = await asyncio.gather(*(made(self._writer.create) for _ in range(17)))
        await asyncio.gather(*(made(partial(self._writer.item, lead)) for lead in self._leads))
        self._comment = await made(lambda: self._writer.comment(self._leads[0]))

    def sent(self) -> list[Awaitable[Request]]:
        writer, leads = self._writer, iter(self._leads)
        first = next(leads)
        return [
            writer.uncomment(first, self._comment),
            writer.create(),
            *(writer.create(keyed=True) for _ in range(2)),
            writer.clone(self._large, keyed=True),
            *(
                write(next(leads))
                for write in (
                    writer.tags, writer.patch, writer.archive, writer.comment, writer.item, writer.clone,
                    writer.delete, writer.read,
                )
            ),
            writer.merge(next(leads), next(leads)),
            writer.merge(next(leads), next(leads), keyed=True),
            writer.convert(next(leads), send_welcome_email="yes"),
            writer.convert(next(leads), send_welcome_email="yes", keyed=True),
            writer.convert(next(leads), send_welcome_email="yes", delete_lead="yes"),
            *(writer.convert(self._leads[-1]) for _ in range(2)),  # one of them is refused, in its transaction
        ]  # fmt: skip

    async def repeated(self, requests: Iterable[Request]) -> None:
        """Send what has a key again, until it is acknowledged."""
        await asyncio.gather(
            *(persistently(self._writer, self._writer.repeat(request)) for request in requests if request.keyed)
        )


@pytest.mark.parametrize(("command", "fault", "mode"), CASES)
async def test_every_answer_is_true_and_in_time(faulty: Faulty, command: str, fault: str, mode: str) -> None:
    service, history = faulty.service, faulty.history
    this = Round(Writer(history, service.api), faulty.large)
    await this.prepare()
    begun, late = len(history.requests), f"late-{len(history.requests)}"

    async with faulty.failing(command, FAULTS[fault], MODES[mode]):
        at_deadline = asyncio.create_task(stalled(service, late)) if mode == "always" else None
        reads = asyncio.gather(*(service.api.get(path) for path in LISTS))
        await asyncio.gather(*this.sent())
        answers = await reads
    await faulty.end_sessions()

    requests = history.requests[begun:]
    assert {answer.status_code for answer in answers} <= {200, 503}
    unavailable = [request.mark for request in requests if request.status == 503]
    unavailable += ids(answer for answer in answers if answer.status_code == 503)
    assert_one_reason(service, unavailable)
    if at_deadline:
        await at_deadline
        await assert_in_time(service, [request.mark for request in requests] + ids(answers), late)
    if (command, fault) == ("insert", "write conflict"):
        history.in_use |= {request.mark for request in requests if request.keyed}
    assert await faulty.faults(service) == []
    await this.repeated(requests)
    assert await faulty.faults() == []


async def test_the_service_sends_no_other_command(faulty_uri: str, admin: Client, tmp_path: Path) -> None:
    name = "every_command"
    async with (
        Relay(faulty_uri) as relay,
        running(tmp_path, LEADS_MONGODB_URI=relay.uri, LEADS_MONGODB_DATABASE=name) as service,
    ):
        with relay.steps() as seen:
            faulty = Faulty(service, admin, relay.uri)
            await faulty.prepare(name)
            this = Round(Writer(faulty.history, service.api), faulty.large)
            await this.prepare()
            await asyncio.gather(*this.sent(), *(service.api.get(path) for path in LISTS))
            for operation in await operations(service):
                await service.api.call(*operation)
        commands = {next(iter(command)) for command in seen.commands}

    assert commands == set(COMMANDS)
