"""The end of a service while creates or changes wait for their batch: nothing that was acknowledged is lost."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from leads_api.server.embedded import Embedded
from tests.client import Api, Json
from tests.simulators.relay import Relay, Seen
from tests.wire.process import SECONDS, Service, came_to_nothing, running, until

pytestmark = pytest.mark.own_database


@pytest.fixture
def uri(store_folder: Path) -> Iterator[str]:
    """A real server of its own."""
    with Embedded(store_folder) as server:
        yield server.uri


class Writes:
    """Writes of a service that wait while an answer of the database is kept back."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.tasks: list[asyncio.Task[httpx.Response]] = []
        self._sent = 0

    def add(self, method: str, path: str, body: Json) -> None:
        async def trace(event: str, _: object) -> None:
            self._sent += event == "http11.send_request_body.complete"

        sending = self.service.api.call(method, path, body, extensions={"trace": trace})
        self.tasks.append(asyncio.create_task(sending))

    async def arrived(self) -> None:
        """Wait until all writes have been sent, and one more request was answered behind them."""

        async def all_sent() -> bool:
            return self._sent == len(self.tasks)

        await until(all_sent, "everyone has sent a request")
        # A request that comes behind them has been answered by the database, so they have their ids by then. It needs a
        # client of its own, because theirs has all its connections in use.
        async with httpx.AsyncClient(base_url=self.service.url, timeout=SECONDS) as http:
            assert (await Api(http).get("/api/leads?limit=1")).status_code == 200

    async def stop(self, number: signal.Signals) -> None:
        """Send the service a signal, and wait until it waits for its last requests."""
        self.service.process.send_signal(number)

        async def ends() -> bool:
            return "Waiting for connections to close" in self.service.log

        await until(ends, "it begins to end")

    async def outcomes(self) -> list[httpx.Response | BaseException]:
        return await asyncio.gather(*self.tasks, return_exceptions=True)


class Creates(Writes):
    """A hundred creates of a service: the first one's insert is written and its answer kept, the others wait for it."""

    def __init__(self, service: Service, inserts: Seen) -> None:
        super().__init__(service)
        self.inserts = inserts

    async def send(self) -> None:
        self._add(1)
        await self.inserts.came(1)
        self._add(99)
        await self.arrived()

    def _add(self, count: int) -> None:
        for number in range(len(self.tasks), len(self.tasks) + count):
            self.add("POST", "/api/leads", {"lead_title": f"Lead {number}", "lead_status": 1, "lead_categoryid": 3})


@asynccontextmanager
async def creates_that_wait(tmp_path: Path, uri: str, *, seconds: float) -> AsyncIterator[Creates]:
    """Run a service, whose requests have so many seconds, for the length of the block; it begins when they wait."""
    async with (
        Relay(uri) as relay,
        running(
            tmp_path, LEADS_MONGODB_URI=relay.uri, LEADS_REQUEST_TIMEOUT=str(seconds), LEADS_CACHE_SECONDS="60"
        ) as service,
    ):
        assert (await service.api.get("/api/leads")).status_code == 200  # the settings are remembered now
        with relay.holding("insert", "leads") as inserts:
            creates = Creates(service, inserts)
            await creates.send()
            yield creates


async def leads_after(tmp_path: Path, uri: str) -> dict[int, Json]:
    """Return the leads that a new service shows, by id."""
    async with running(tmp_path / "2", LEADS_MONGODB_URI=uri) as again:
        listed = (await again.api.get("/api/leads", limit=100)).json()
    assert listed["meta"]["total"] == len(listed["data"])
    return {lead["id"]: lead for lead in listed["data"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_creates_that_wait_for_their_batch_at_the_end_are_written_and_answered(
    tmp_path: Path, uri: str, number: signal.Signals
) -> None:
    async with creates_that_wait(tmp_path, uri, seconds=60.0) as creates:
        await creates.stop(number)
        assert not any(task.done() for task in creates.tasks)
        creates.inserts.release_all()
        outcomes = await creates.outcomes()
        await creates.service.ended()

    answers = [outcome for outcome in outcomes if isinstance(outcome, httpx.Response)]
    assert Counter(answer.status_code for answer in answers) == {201: 100}
    leads = [answer.json()["data"] for answer in answers]
    assert [lead["title"] for lead in leads] == [f"Lead {number}" for number in range(100)]
    assert await leads_after(tmp_path, uri) == {lead["id"]: lead for lead in leads}


async def test_a_database_that_hangs_at_the_end_loses_nothing_that_was_acknowledged(tmp_path: Path, uri: str) -> None:
    async with creates_that_wait(tmp_path, uri, seconds=10.0) as creates:
        creates.inserts.release()
        first = await creates.tasks[0]
        await creates.inserts.came(2)
        await creates.stop(signal.SIGTERM)
        await creates.service.ended()
        outcomes = await creates.outcomes()

    assert first.status_code == 201
    assert [outcome for outcome in outcomes[1:] if not came_to_nothing(outcome)] == []
    leads = await leads_after(tmp_path, uri)
    assert leads[first.json()["data"]["id"]] == first.json()["data"]
    # Those that were cut off may be there or not, but not twice.
    assert set(Counter(lead["title"] for lead in leads.values()).values()) == {1}


async def test_changes_that_wait_for_their_batch_at_the_end_are_made_and_answered(tmp_path: Path, uri: str) -> None:
    async with (
        Relay(uri) as relay,
        running(tmp_path, LEADS_MONGODB_URI=relay.uri, LEADS_REQUEST_TIMEOUT="60", LEADS_CACHE_SECONDS="60") as service,
    ):
        leads = [await service.api.lead(lead_title=f"Lead {number}") for number in range(40)]
        changes = Writes(service)
        with relay.holding("update", "leads") as updates:
            for lead in leads[:20]:
                changes.add("PUT", f"/api/leads/{lead['id']}/status", {"status": 5})
            await updates.came(1)
            for lead in leads[20:]:
                changes.add("PUT", f"/api/leads/{lead['id']}/status", {"status": 5})
            await changes.arrived()
            await changes.stop(signal.SIGTERM)
            assert not all(task.done() for task in changes.tasks)
            updates.release_all()
            outcomes = await changes.outcomes()
            await service.ended()

    answers = [outcome for outcome in outcomes if isinstance(outcome, httpx.Response)]
    assert Counter(answer.status_code for answer in answers) == {200: 40}
    shown = {answer.json()["data"]["id"]: answer.json()["data"] for answer in answers}
    assert {(lead["status"]["id"], lead["version"]) for lead in shown.values()} == {(5, 2)}
    assert await leads_after(tmp_path, uri) == shown
