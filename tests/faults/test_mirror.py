"""Another program has a copy of all leads, by the feed or by webhooks, though everything is killed in turn.

The programs (tests/simulators/mirror.py) keep what they know in files. Services, with them the relay and the senders of
webhooks, the database and the programs are killed and started again, while leads are created, changed and deleted.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.errors import PyMongoError

from leads_api.mongo.client import close, connect
from tests.client import KEY, Api, Json
from tests.conftest import PATIENCE
from tests.faults.database import Database
from tests.faults.extent import extent
from tests.faults.history import History
from tests.faults.load import Load
from tests.faults.replicas import Replicas
from tests.faults.test_events import KINDS
from tests.simulators.mirror import Copy
from tests.wire.process import SECONDS, free_port, until
from tests.wire.webhooks.queue import Queue

pytestmark = pytest.mark.own_database

SERVICES = 2
CHANGES = extent(bounded=150, full=10_000)
ROUNDS = extent(bounded=1, full=4)
"""How often everything is killed."""
LONG = extent(bounded=150, full=3600)
"""Seconds, more than anything here takes."""
PAUSE = 3.0
BACKLOG = 100
"""Deliveries that may be pending before the callers pause. The embedded server sorts all of them for each one."""
FIRST = 100
"""Deliveries that are kept. The embedded server reads all to take one, so later ones are deleted once delivered."""


class Mirror:
    """A program that keeps a copy of all leads."""

    def __init__(self, file: Path, kind: str, secret: str, *rest: str) -> None:
        self._file = file
        self._command = [sys.executable, "-m", "tests.simulators.mirror", kind, str(file), secret, *rest]
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        self._start()
        try:
            yield
        finally:
            self._kill()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=Path(__file__).parents[2])

    def _kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, "the program has ended by itself"
        self._process.kill()
        self._process.wait(SECONDS)

    async def kill(self) -> None:
        """Kill the program, and start it again."""
        await asyncio.to_thread(self._kill)
        self._start()

    def copy(self) -> dict[int, Json]:
        """Return the leads of the copy."""
        with closing(Copy(self._file)) as copy:
            return copy.leads()

    def number(self, name: str) -> int:
        """Return a number that the program keeps."""
        with closing(Copy(self._file)) as copy:
            return copy.number(name)


async def listed(api: Api) -> dict[int, Json]:
    """Return all leads, as the list shows them."""
    leads: dict[int, Json] = {}
    cursor: str | None = "*"
    while cursor:
        answer = await api.get("/api/leads", cursor=cursor, limit=100)
        assert answer.status_code == 200, answer.text
        leads |= {lead["id"]: lead for lead in answer.json()["data"]}
        cursor = answer.json()["meta"]["next_cursor"]
    return leads


async def test_a_copy_by_feed_or_webhooks_equals_the_list_though_everything_is_killed(
    tmp_path: Path, database: Database
) -> None:
    database.start()
    history, port = History(), free_port()
    replicas = Replicas(tmp_path, database.uri, SERVICES, LEADS_WEBHOOK_ALLOW_PRIVATE="yes")
    async with replicas.running(), AsyncExitStack() as ending:
        urls = [service.url for service in replicas.services]
        http = await ending.enter_async_context(httpx.AsyncClient(base_url=urls[0], timeout=SECONDS))
        api = Api(http)
        webhook = await api.webhook(f"http://127.0.0.1:{port}/")
        by_feed = Mirror(tmp_path / "feed.db", "feed", KEY, *urls)
        by_webhooks = Mirror(tmp_path / "webhooks.db", "webhooks", webhook["secret"], str(port))
        for mirror in (by_feed, by_webhooks):
            ending.enter_context(mirror.running())

        async def kill_database() -> None:
            await asyncio.to_thread(database.kill)
            await asyncio.to_thread(database.start)

        async def kill_relay() -> None:
            await replicas.kill(await replicas.relaying())

        kills: list[Callable[[], Awaitable[None]]] = [kill_relay, kill_database, by_feed.kill, by_webhooks.kill]
        client: Any = connect(database.uri, request_timeout=PATIENCE)
        ending.push_async_callback(close, client)
        queue = Queue(client["leads"])

        async with AsyncExitStack() as callers:
            loads = [Load(history, url) for url in urls]
            for load in loads:
                await callers.enter_async_context(load.running())
            await callers.enter_async_context(paced(loads, queue))

            for number, kill in enumerate(kills * ROUNDS, start=1):
                await changed(history, CHANGES * number // (len(kills) * ROUNDS + 1))
                await kill()
            await changed(history, CHANGES)

        async def equal() -> bool:
            leads = await listed(api)
            if by_feed.copy() == by_webhooks.copy() == leads and not await pending(queue):
                return True
            await end_pauses(queue)
            await asyncio.sleep(PAUSE)
            return False

        await until(equal, "both copies equal the list of leads", LONG)
        before = by_webhooks.number("old")
        again = await redelivered(api, webhook)

        async def came_again() -> bool:
            return by_webhooks.number("old") >= before + again

        await until(came_again, f"{again} events came again")
        leads = await listed(api)
        forged = await http.post(webhook["url"], json={"type": "lead.deleted"}, headers={"webhook-id": "msg_1"})

        assert by_webhooks.copy() == leads
        assert forged.status_code == 400
    sys.stdout.write(
        f"{len(kills) * ROUNDS} kills, {changes(history)} changes, {len(leads)} leads; events older than the copy:"
        f" {by_feed.number('old')} by the feed, {by_webhooks.number('old')} by webhooks\n"
    )


def changes(history: History) -> int:
    """Return how many changes were acknowledged."""
    return sum(request.done and request.kind in KINDS for request in history)


async def changed(history: History, count: int) -> None:
    async def enough() -> bool:
        return changes(history) >= count

    await until(enough, f"{count} changes are acknowledged", LONG)


@asynccontextmanager
async def paced(loads: Sequence[Load], queue: Queue) -> AsyncIterator[None]:
    """Keep the deliveries few: delete what has ended, and let the callers pause while much is pending.

    Nothing waits half an hour behind a third failed attempt. At the end, let the callers go.
    """

    async def pace() -> None:
        while True:
            with suppress(PyMongoError):  # it is killed now and then
                await queue.deliveries.delete_many({"status": "delivered", "_id": {"$gt": FIRST}})
                await end_pauses(queue, failures={"$gt": 0}, lease=None)
                is_much = await pending(queue) > BACKLOG
                for load in loads:
                    (load.going.clear if is_much else load.going.set)()
            await asyncio.sleep(PAUSE)  # nothing tells of a number in the database

    pacing = asyncio.create_task(pace())
    try:
        yield
    finally:
        pacing.cancel()
        for load in loads:
            load.going.set()
        with suppress(asyncio.CancelledError):
            await pacing


async def pending(queue: Queue) -> int:
    count: int = await queue.deliveries.count_documents({"status": "pending"})
    return count


async def end_pauses(queue: Queue, **wanted: Any) -> None:
    """Let the pauses of failed attempts, and the leases of killed services, be over."""
    moment = datetime.now(UTC)
    late = {"status": "pending", "due": {"$gt": moment + timedelta(seconds=1)}} | wanted
    await queue.deliveries.update_many(late, {"$set": {"due": moment}})


async def redelivered(api: Api, webhook: Json) -> int:
    """Have the first events sent again, of leads that have changed since; return how many."""
    path = f"/api/webhooks/{webhook['id']}/deliveries"
    pages = (await api.get(path, limit=10)).json()["meta"]["last_page"]
    oldest = (await api.get(path, limit=10, page=pages)).json()["data"]
    for delivery in oldest:
        answer = await api.post(f"{path}/{delivery['id']}/redeliver")
        assert answer.status_code == 202, answer.text
    return len(oldest)
