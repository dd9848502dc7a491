"""A service that is killed at any step of a keyed request: the repetition does it once (contract, "Idempotency")."""

from asyncio import create_task, gather
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from leads_api.mongo.client import Database, connect
from leads_api.server.embedded import Embedded
from tests.client import Json
from tests.simulators.relay import Relay
from tests.store_folder import folder_for_store
from tests.wire.process import Service, running, until

pytestmark = pytest.mark.own_database

Step = tuple[str, str | int]
"""The name of a command, and its collection."""
CutOff = Callable[[str, Json, Step], Awaitable[None]]

STEPS: list[Step] = [
    ("find", "idempotency_keys"),
    ("findAndModify", "counters"),
    ("insert", "leads"),
    ("insert", "idempotency_keys"),
    ("commitTransaction", 1),
]
"""Commands of a keyed create. Each is executed when the service is killed, and not answered."""
WRITES: dict[str, Json] = {
    "/api/leads": {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3},
    "/api/leads/{}/clone": {"lead_title": "Two", "lead_status": 1},
    "/api/leads/{}/convert": {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"},
    "/api/leads/{}/comments": {"comment": "Called."},
}
HEADERS = {"Idempotency-Key": "key-1"}


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with folder_for_store() as folder, Embedded(folder) as server:
        yield server.uri


@pytest.fixture
async def database(uri: str, tmp_path: Path) -> AsyncIterator[Database]:
    client = connect(uri, request_timeout=20.0)
    yield client[f"kill_{tmp_path.name}"]
    client.close()


@pytest.fixture
async def survivor(uri: str, database: Database, tmp_path: Path) -> AsyncIterator[Service]:
    """A service that is not killed."""
    settings = {"LEADS_MONGODB_URI": uri, "LEADS_MONGODB_DATABASE": database.name, "LEADS_REQUEST_TIMEOUT": "20"}
    async with running(tmp_path / "survivor", given=settings) as service:
        yield service


@pytest.fixture
def cut_off(uri: str, database: Database, tmp_path: Path) -> CutOff:
    """Send a keyed request to a service, and kill the service at a step."""

    async def cut_off(path: str, body: Json, step: Step) -> None:
        async with Relay(uri) as relay:
            settings = {"LEADS_MONGODB_URI": relay.uri, "LEADS_MONGODB_DATABASE": database.name}
            async with running(tmp_path / "killed", given=settings) as service:
                await service.api.get("/api/leads")
                with relay.holding(*step) as held:
                    post = create_task(service.api.post(path, body, headers=HEADERS))
                    await held.came(1)
                    service.process.kill()
                    await service.ended()
                    (outcome,) = await gather(post, return_exceptions=True)
        assert isinstance(outcome, httpx.TransportError)

    return cut_off


async def repeated(survivor: Service, database: Database, path: str, body: Json) -> httpx.Response:
    """Repeat a request until it is answered, as its caller does."""
    answers = []
    # What the dead have left open is kept for a minute, by the embedded server as by MongoDB. Not for this test.
    await database.client.admin.command("killAllSessions", [])

    async def answered() -> bool:
        answers.append(await survivor.api.post(path, body, headers=HEADERS))
        assert answers[-1].status_code in {201, 409, 503}, answers[-1].text
        return answers[-1].status_code == 201

    await until(answered, "it is answered", seconds=90)
    return answers[-1]


@pytest.mark.parametrize("step", STEPS, ids=[f"{command}-{collection}" for command, collection in STEPS])
async def test_a_keyed_create_that_is_cut_off_makes_one_lead(
    database: Database, survivor: Service, cut_off: CutOff, step: Step
) -> None:
    path, body = "/api/leads", WRITES["/api/leads"]
    await cut_off(path, body, step)

    answer = await repeated(survivor, database, path, body)

    assert answer.headers.get("Idempotency-Replayed") == ("true" if step[0] == "commitTransaction" else None)
    again = await survivor.api.post(path, body, headers=HEADERS)
    assert (again.content, again.headers["Location"]) == (answer.content, answer.headers["Location"])
    assert [lead["_id"] async for lead in database["leads"].find()] == [answer.json()["data"]["id"]]


@pytest.mark.parametrize("step", STEPS[-2:], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("name", list(WRITES)[1:])
async def test_a_keyed_request_that_is_cut_off_is_done_once(
    database: Database, survivor: Service, cut_off: CutOff, name: str, step: Step
) -> None:
    lead = await survivor.api.lead()
    path, body = name.format(lead["id"]), WRITES[name]
    await cut_off(path, body, step)

    answer = await repeated(survivor, database, path, body)

    again = await survivor.api.post(path, body, headers=HEADERS)
    assert again.content == answer.content
    assert await database["leads"].count_documents({}) == (2 if name.endswith("clone") else 1)
    assert await database["clients"].count_documents({}) == (1 if name.endswith("convert") else 0)
    assert await database["users"].count_documents({"type": "client"}) == (1 if name.endswith("convert") else 0)
    assert (await survivor.api.shown(lead["id"]))["comments_count"] == (1 if name.endswith("comments") else 0)
