"""A service that is killed at any step of a write leaves all of it or nothing, and the write can be repeated.

A step is a command to the database. A relay stops at each of them in turn, before the command arrives, and at the last
one also after it was executed, before its answer arrives. There the service is killed.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from leads_api.memory import Memory
from leads_api.mongo.client import Client, close, connect
from leads_api.server.embedded import Embedded
from leads_api.services import Services
from leads_api.settings import Settings
from tests.client import KEY, Api
from tests.conftest import PATIENCE, serving
from tests.faults.extent import FULL
from tests.faults.history import History, Request
from tests.faults.judge import judged
from tests.faults.load import made
from tests.faults.victim import Victim
from tests.faults.writer import Writer
from tests.simulators.relay import Relay, Steps
from tests.wire.process import SECONDS

pytestmark = pytest.mark.own_database

NAME = "leads"

Write = Callable[[Writer, int, int], Coroutine[None, None, Request]]
"""Writes something about a lead that has two items and a file, and perhaps about another such lead."""

WRITES: dict[str, Write] = {
    "item": lambda writer, lead, _: writer.item(lead),
    "merge": lambda writer, lead, other: writer.merge(lead, other),
    "delete": lambda writer, lead, _: writer.delete(lead),
    "convert and delete": lambda writer, lead, _: writer.convert(lead, send_welcome_email="yes", delete_lead="yes"),
}
if FULL:
    WRITES |= {
        "create": lambda writer, *_: writer.create(),
        "clone": lambda writer, lead, _: writer.clone(lead),
        "convert": lambda writer, lead, _: writer.convert(lead, send_welcome_email="yes"),
    }
KEYED: dict[str, Write] = {
    "create": lambda writer, *_: writer.create(keyed=True),
    "clone": lambda writer, lead, _: writer.clone(lead, keyed=True),
    "merge": lambda writer, lead, other: writer.merge(lead, other, keyed=True),
    "convert": lambda writer, lead, _: writer.convert(lead, keyed=True, send_welcome_email="yes"),
}


@pytest.fixture
def uri(store_folder: Path) -> Iterator[str]:
    with Embedded(store_folder) as server:
        yield server.uri


@pytest.fixture
async def client(uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    client = connect(uri, driver=request.config.getoption("--driver"), request_timeout=PATIENCE)
    yield client
    await close(client)


@pytest.fixture
async def api(client: Client) -> AsyncIterator[Api]:
    """A service that is not killed."""
    async with serving(Settings(api_key=KEY, mongodb_database=NAME, request_timeout=PATIENCE), client) as api:
        yield api


class Killing:
    """Kills at the steps of one write."""

    def __init__(self, write: Write, history: History, client: Client, api: Api, uri: str) -> None:
        self._write = write
        self._history = history
        self._client = client
        self._survivor = Writer(history, api)
        self._files = Services(
            Settings(mongodb_database=NAME, request_timeout=PATIENCE), client, Memory()
        ).files  # no endpoint puts them in
        self._uri = uri

    async def _leads(self) -> tuple[int, int]:
        return await self._lead(), await self._lead()

    async def _lead(self) -> int:
        lead = await made(self._survivor.create)
        for _ in range(2):
            assert (await self._survivor.item(lead)).done
        await self._files.put(lead, "offer.pdf", f"content {lead}".encode())
        return lead

    async def steps(self) -> list[str]:
        """Return the commands of the whole write."""
        async with Relay(self._uri) as relay, Victim(relay.uri, NAME) as victim:
            leads = await self._leads()
            with relay.steps() as seen:
                request = await self._write(Writer(self._history, victim), *leads)
            assert request.done, request
            return [_name(command) for command in seen.commands]

    async def kill(self, step: int, *, before: bool) -> list[str]:
        """Kill the service at a step; return the commands until then."""
        leads = await self._leads()
        async with Relay(self._uri) as relay, Victim(relay.uri, NAME) as victim:
            with relay.steps(step, before=before) as seen:
                writing = asyncio.create_task(self._write(Writer(self._history, victim), *leads))
                await asyncio.wait_for(seen.reached.wait(), SECONDS)
                await victim.kill()
                request = await writing
            assert request.status is None
            commands = list(seen.commands)
        await self._end_sessions(seen)
        verdict = await judged(self._history, self._uri, name=NAME)
        assert verdict.faults == []
        if request.keyed:
            await self._survivor.repeat(request)
            assert request.done, request
        else:
            again = await self._write(self._survivor, *leads)
            assert again.done or again.status in (404, 409, 422), again
        return [_name(command) for command in commands]

    async def _end_sessions(self, seen: Steps) -> None:
        """End the transaction that was left open, as the server does by itself after a minute."""
        sessions = [command["lsid"] for command in seen.commands if "lsid" in command]
        await self._client.admin.command("killSessions", sessions)


def _name(command: dict[str, object]) -> str:
    name = next(iter(command))
    return f"{name} {command[name]}"


async def killed_at_each_step(killing: Killing) -> list[str]:
    """Kill the service at each step, and return the steps."""
    steps = await killing.steps()
    # After another step than the last one, the database has what it has before the next one.
    for step, before in [*((step, True) for step in range(len(steps))), (len(steps) - 1, False)]:
        reached = await killing.kill(step, before=before)
        assert len(reached) > step
        assert not Counter(reached) - Counter(steps)  # some are sent at the same moment, in any order
    return steps


@pytest.mark.parametrize("name", WRITES)
async def test_a_kill_at_any_step_leaves_all_or_nothing(name: str, client: Client, api: Api, uri: str) -> None:
    history = History()

    steps = await killed_at_each_step(Killing(WRITES[name], history, client, api, uri))

    verdict = await judged(history, uri, name=NAME)
    sys.stdout.write(f"{name}, killed at each of {steps}: {verdict}\n")
    assert verdict.faults == []
    # Only what has reached the last step is written: the insert of a single document, or the commit.
    assert (verdict.open, verdict.written) == (len(steps) + 1, 1)


@pytest.mark.parametrize("name", KEYED)
async def test_after_a_kill_at_any_step_the_same_key_does_it_once(
    name: str, client: Client, api: Api, uri: str
) -> None:
    history = History()

    steps = await killed_at_each_step(Killing(KEYED[name], history, client, api, uri))

    verdict = await judged(history, uri, name=NAME)
    sys.stdout.write(f"{name} with a key, killed at each of {steps}: {verdict}\n")
    assert verdict.faults == []
    assert verdict.open == 0
    # Only where the commit was executed is there an answer to replay.
    assert sum(request.replayed for request in history) == 1
