"""A service that is killed in the middle of conversions leaves no half of one (contract, "Convert").

What is killed two hundred times is the application on a real server, without the HTTP server in front: a process
forked from one that has imported it already, so that a round takes a fraction of a second. A few rounds more kill
`leads serve` itself.
"""

import asyncio
import multiprocessing
import os
import random
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvloop

from leads_api.mongo.client import Database, connect
from leads_api.server.embedded import Embedded
from leads_api.settings import Settings
from tests.client import KEY, Api, Json
from tests.conftest import serving
from tests.wire.process import SECONDS, running, until

pytestmark = pytest.mark.own_database

BATCHES, ROUNDS, LANES = 5, 40, 4
"""Two hundred kills. Each batch has a fresh server: the embedded one keeps what the dead left open for a minute."""

SERVE_ROUNDS = 6
KINDS = [{"delete_lead": deleted, "send_welcome_email": mail} for deleted in ("no", "yes") for mail in ("no", "yes")]
"""The kinds of conversion."""
LEADS = 2 * len(KINDS)
"""Leads that a round converts, unless the kill comes before."""
ANSWERS = {201, 503}
"""A 503 promises nothing: on a busy machine the server is late now and then, with what the dead have left open."""


def address(lead: int) -> str:
    return f"owner-{lead}@acme.example"


def choices(lead: int) -> Json:
    return {"first_name": "Jane", "last_name": "Doe", "email": address(lead), **KINDS[lead % len(KINDS)]}


async def converted(api: Api, lead: int) -> int:
    return (await api.post(f"/api/leads/{lead}/convert", choices(lead))).status_code


def convert(uri: str, database: str, leads: list[int], told: Connection) -> None:
    """Convert leads, two at a time; tell when it begins, and of each answer. The process that is to be killed."""

    async def work() -> None:
        client = connect(uri, request_timeout=5.0)
        async with serving(Settings(mongodb_database=database, api_key=KEY), client) as api:
            waiting = iter(leads)

            async def some() -> None:
                for lead in waiting:
                    told.send((lead, await converted(api, lead)))

            told.send(None)
            await asyncio.gather(some(), some())
            await asyncio.sleep(SECONDS)

    uvloop.run(work())


@pytest.fixture
def uri(store_folder: Path) -> Iterator[str]:
    """A real server, and a new one for each test unless it is that of LEADS_TEST_MONGODB_URI."""
    if given := os.environ.get("LEADS_TEST_MONGODB_URI"):
        yield given
        return
    with Embedded(store_folder) as server:
        yield server.uri


@pytest.fixture
async def database(uri: str) -> AsyncIterator[Database]:
    client = connect(uri, request_timeout=5.0)
    name = f"kill_{uuid4().hex}"
    yield client[name]
    if "LEADS_TEST_MONGODB_URI" in os.environ:
        await client.drop_database(name)
    client.close()


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with serving(Settings(api_key=KEY, mongodb_database=database.name), database.client) as api:
        yield api


async def prepared(api: Api, database: Database, count: int) -> list[int]:
    """Create leads, each with a checklist item that must go when it goes; all are copies of one that the API made."""
    first = await api.lead()
    item = await api.item(first["id"])
    for collection, made, owner in (("leads", first, "_id"), ("checklists", item, "lead")):
        document = await database[collection].find_one({"_id": made["id"]})
        assert document
        copies = [document | {"_id": 1000 + n} | {owner: 1000 + n} for n in range(count)]
        await database[collection].insert_many(copies)
    return [1000 + n for n in range(count)]


class Found:
    """What the database has of some leads' conversions."""

    def __init__(self, leads: Sequence[int], by_collection: dict[str, dict[Any, Json]]) -> None:
        self._leads = leads
        self._records = by_collection
        self.converted = {lead for lead in leads if lead in by_collection["clients"]}

    @classmethod
    async def look(cls, database: Database, leads: Sequence[int]) -> "Found":
        async def records(collection: str, path: str, values: Sequence[Any]) -> dict[Any, Json]:
            documents = await database[collection].find({path: {"$in": list(values)}}).to_list(None)
            assert len({document[path] for document in documents}) == len(documents), f"{collection}: one twice"
            return {document[path]: document for document in documents}

        addresses = [address(lead) for lead in leads]
        return cls(
            leads,
            {
                "leads": await records("leads", "_id", leads),
                "checklists": await records("checklists", "lead", leads),
                "clients": await records("clients", "created_from_lead_id", leads),
                "users": await records("users", "email", addresses),
                "mails": await records("mails", "recipient", addresses),
            },
        )

    def halves(self) -> list[str]:
        """Return all that is there without what belongs to it."""
        return [f"lead {lead}: {fault}" for lead in self._leads for fault in self._faults(lead)]

    def _faults(self, lead: int) -> list[str]:
        records, kind = self._records, KINDS[lead % len(KINDS)]
        client, user = records["clients"].get(lead), records["users"].get(address(lead))
        stays = client is None or kind["delete_lead"] == "no"
        expected = {
            "user": client is not None,
            "lead": stays,
            "item": stays,
            "mail": client is not None and kind["send_welcome_email"] == "yes",
        }
        there = {
            "user": user is not None,
            "lead": lead in records["leads"],
            "item": lead in records["checklists"],
            "mail": address(lead) in records["mails"],
        }
        faults = [f"{what}: {there[what]}, not {expected[what]}" for what in there if there[what] != expected[what]]
        if document := records["leads"].get(lead):
            shown = document["converted"]["client_id"], document["converted"]["is_converted"], document["status"]
            right = (client["_id"], True, 2) if client else (None, False, 1)
            faults += [f"marked {shown}, not {right}"] if shown != right else []
        if client and user and (client["owner"]["id"], user["client_id"]) != (user["_id"], client["_id"]):
            faults.append("client and user are strangers")
        return faults


async def whole(database: Database, leads: Sequence[int]) -> Collection[int]:
    """Return the leads that are converted; nothing of any conversion is half there."""
    found = await Found.look(database, leads)

    async def settled() -> bool:
        nonlocal found
        found = await Found.look(database, leads)
        return not found.halves()

    # The records are read one after the other, and a commit that was sent before the kill may come in between.
    with suppress(AssertionError):
        await until(settled, "settled", seconds=5)
    assert found.halves() == []
    return found.converted


class Victim:
    """The application in a process of its own."""

    def __init__(self, uri: str, database: Database, leads: list[int]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._words, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=convert, args=(uri, database.name, leads, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._answers: dict[int, int] = {}

    async def begun(self) -> None:
        """Wait until it converts."""
        assert await asyncio.to_thread(self._words.poll, SECONDS), "it does not begin"
        assert self._words.recv() is None

    async def answered(self, count: int) -> None:
        """Wait until it has answered so many conversions."""
        while len(self._answers) < count:
            assert await asyncio.to_thread(self._words.poll, SECONDS), "it does not answer"
            self._hear()

    async def kill(self) -> list[int]:
        """Kill it; return which conversions it had acknowledged by then."""
        self._process.kill()
        await asyncio.to_thread(self._process.join, SECONDS)
        with suppress(EOFError):
            while True:
                self._hear()
        self._words.close()
        self._process.close()
        assert set(self._answers.values()) <= ANSWERS
        return [lead for lead, status in self._answers.items() if status == 201]

    def _hear(self) -> None:
        lead, status = self._words.recv()
        self._answers[lead] = status


@pytest.mark.parametrize("_batch", range(BATCHES))
async def test_two_hundred_kills_leave_no_half_conversion(_batch: int, uri: str, database: Database, api: Api) -> None:
    leads = await prepared(api, database, ROUNDS * LEADS)
    rounds = [leads[at : at + LEADS] for at in range(0, len(leads), LEADS)]
    outcomes: list[int] = []

    async def lane(mine: list[list[int]]) -> None:
        pace = 0.05
        for these in mine:
            victim = Victim(uri, database, these)
            await victim.begun()
            began, count = monotonic(), random.randrange(LEADS)
            await victim.answered(count)
            pace = (monotonic() - began) / count if count else pace
            await asyncio.sleep(random.uniform(0, pace))  # any moment between this answer and the next

            acknowledged = await victim.kill()

            done = await whole(database, these)
            assert set(acknowledged) <= set(done)
            outcomes.append(len(done))

    await asyncio.gather(*(lane(rounds[at::LANES]) for at in range(LANES)))

    assert len(outcomes) == ROUNDS
    # On a slow machine many conversions are answered 503, with what the dead have left open, and are not made.
    assert sum(0 < done < LEADS for done in outcomes) > ROUNDS / 8, "too few kills came while conversions ran"


async def test_kills_of_leads_serve_leave_no_half_conversion(
    uri: str, database: Database, api: Api, tmp_path: Path
) -> None:
    at_once = 5 * len(KINDS)
    leads = await prepared(api, database, SERVE_ROUNDS * at_once)

    for at in range(0, len(leads), at_once):
        these = leads[at : at + at_once]
        async with running(tmp_path, LEADS_MONGODB_URI=uri, LEADS_MONGODB_DATABASE=database.name) as service:
            conversions = [asyncio.create_task(converted(service.api, lead)) for lead in these]
            after = random.randrange(at_once)
            for answered, conversion in enumerate(asyncio.as_completed(conversions)):
                if answered == after:
                    service.process.kill()
                with suppress(httpx.TransportError):
                    assert await conversion in ANSWERS

        acknowledged = [
            lead
            for lead, conversion in zip(these, conversions, strict=True)
            if conversion.exception() is None and conversion.result() == 201
        ]
        assert set(acknowledged) <= set(await whole(database, these))
