"""A database of commit 5592dfe becomes one of today, while old and new processes serve (contract, section 6)."""

import asyncio
import hashlib
import itertools
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leads_api.clock import now
from leads_api.folding import letters
from leads_api.memory import Memory
from leads_api.mongo.client import Client, Database, Document
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import ensure
from leads_api.mongo.migration_runs import BATCH
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.setup import INDEXES, STEPS
from tests.client import Json
from tests.conftest import PATIENCE
from tests.data.old_database import answers, restore
from tests.simulators.relay import Relay
from tests.wire.process import SECONDS, Service, begun, leads, running, started, until

ANSWERS = answers()
for path, answer in ANSWERS["records"].items():
    if re.fullmatch(r"/api/leads/\d+", path) and answer["status"] == 200:
        answer["body"]["data"]["external_id"] = None  # the only field of leads since then


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    """A database of its own."""
    name = f"migration_{os.getpid()}"
    await wire_client.drop_database(name)
    yield wire_client[name]
    await wire_client.drop_database(name)


@pytest.fixture
async def old(database: Database) -> Database:
    """A database as commit 5592dfe wrote it."""
    await restore(database)
    return database


@pytest.fixture
async def relay(server_uri: str) -> AsyncIterator[Relay]:
    """A relay in front of the real server."""
    async with Relay(server_uri) as relay:
        yield relay


async def not_current(database: Database) -> list[str]:
    """Return all documents that are not of the current version."""
    return [
        f"{collection} {document['_id']}"
        for collection, steps in STEPS.items()
        async for document in database[collection].find({steps[0].path: {"$ne": steps[-1].version}}, {"_id": 1})
    ]


async def finished(database: Database) -> bool:
    return await database["migrations"].count_documents({"finished": {"$ne": None}}) == len(STEPS)


async def assert_answers_as_before(service: Service, database: Database) -> None:
    for path, before in ANSWERS["records"].items():
        answer = await service.api.get(path)
        assert (answer.status_code, answer.json()) == (before["status"], before["body"]), path
    for path, before in ANSWERS["lists"].items():
        answer = (await service.api.get(path)).json()
        expected = by_letters(before["ids"]) if "sort=lead_title" in path else before["ids"]
        assert ([record["id"] for record in answer["data"]], answer["meta"]) == (expected, before["meta"]), path
    for key in ANSWERS["keys"]:
        answer = await service.http.get("/api/leads?limit=1", headers={"Authorization": f"Bearer {key['text']}"})
        assert answer.status_code == key["status"], key
    files = Services(Settings(mongodb_database=database.name), database.client, Memory()).files
    for file in ANSWERS["files"]:
        content = await files.read(file["id"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"]), file


def by_letters(leads: list[int]) -> list[int]:
    """Return the leads of the old database as they are sorted now; that commit put accented letters behind Z."""
    titles = {lead: ANSWERS["records"][f"/api/leads/{lead}"]["body"]["data"]["title"] for lead in leads}
    return sorted(leads, key=lambda lead: (letters(titles[lead]), lead))


class OldProcess:
    """Writes leads as the code of commit 5592dfe did."""

    def __init__(self, database: Database, like: Document) -> None:
        self._database = database
        self._like = like

    async def create(self) -> int:
        number = await Ids(self._database).take("leads")
        await self._database["leads"].insert_one(self._like | {"_id": number})
        return number

    async def rename_company(self, number: int, company: str) -> None:
        values = {"contact.company_name": company, "folded.company": company.casefold(), "dates.updated": now()}
        await self._database["leads"].find_one_and_update({"_id": number}, {"$set": values, "$inc": {"version": 1}})

    async def rename(self, number: int, title: str, tag: str) -> None:
        search = sorted({title.casefold()[start:] for start in range(len(title))})
        values = {"title": title, "folded.title": title.casefold(), "search": search}
        values |= {"tags": [tag], "folded.tags": [tag.casefold()]}
        await self._database["leads"].find_one_and_update({"_id": number}, {"$set": values, "$inc": {"version": 1}})

    async def delete(self, number: int) -> None:
        await self._database["leads"].delete_one({"_id": number})


Round = Callable[[int], Awaitable[None]]


@asynccontextmanager
async def load(*rounds: Round) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Do each thing again and again during the block; what is yielded waits until each was done some more times."""
    ending, counts = asyncio.Event(), [0] * len(rounds)

    async def repeat(index: int) -> None:
        while not ending.is_set():
            await rounds[index](counts[index])
            counts[index] += 1

    async def some_more() -> None:
        wanted = [count + 3 for count in counts]

        async def enough() -> bool:
            return any(task.done() for task in tasks) or all(map(int.__ge__, counts, wanted))

        await until(enough, "the load goes on")

    tasks = [asyncio.create_task(repeat(index)) for index in range(len(rounds))]
    try:
        yield some_more
    finally:
        ending.set()
        await asyncio.gather(*tasks)


async def test_an_old_database_is_brought_up_to_date_under_load_and_nothing_is_lost(
    tmp_path: Path, old: Database, relay: Relay
) -> None:
    like = await old["leads"].find_one({"_id": ANSWERS["lists"]["/api/leads"]["ids"][0]})
    assert like
    old_process = OldProcess(old, like)
    paths = itertools.cycle(ANSWERS["records"])
    lists = itertools.cycle(ANSWERS["lists"])

    async def read(_: int) -> None:
        path = next(paths)
        answer = await service.api.get(path)
        assert (answer.status_code, answer.json()) == tuple(ANSWERS["records"][path].values())

    async def read_list(_: int) -> None:
        path = next(lists)
        answer = await service.api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"

    async def write(number: int) -> None:
        lead = await service.api.lead(lead_title=f"New {number}")
        for changes in ({"lead_source": "Web"}, {"lead_company_name": f"Company {number}"}):
            assert (await service.api.patch(f"/api/leads/{lead['id']}", changes)).status_code == 200
        assert (await service.api.shown(lead["id"]))["contact"]["company_name"] == f"Company {number}"
        assert (await service.api.delete(f"/api/leads/{lead['id']}")).status_code == 200

    async def write_as_before(number: int) -> None:
        lead = await old_process.create()
        await old_process.rename_company(lead, f"Old {number}")
        assert (await service.api.shown(lead))["contact"]["company_name"] == f"Old {number}"
        assert (await service.api.patch(f"/api/leads/{lead}", {"lead_source": "Web"})).status_code == 200
        await old_process.rename_company(lead, f"Older {number}")
        assert (await service.api.shown(lead))["contact"]["company_name"] == f"Older {number}"
        await old_process.delete(lead)

    with relay.holding("update", "leads") as migrating:
        given = {"LEADS_MONGODB_URI": relay.uri, "LEADS_MONGODB_DATABASE": old.name}
        async with running(tmp_path, given=given, LEADS_REQUEST_TIMEOUT=str(PATIENCE)) as service:
            async with load(read, read, read_list, write, write_as_before) as some_more:
                await migrating.came(1)
                await some_more()
                migrating.release_all()
                await until(lambda: finished(old), "the migration ends")
                await some_more()

            await assert_answers_as_before(service, old)
            assert await not_current(old) == []
            assert await old["leads"].count_documents({"folded.company": {"$exists": True}}) == 0
            assert "Traceback" not in service.log


async def test_what_old_processes_write_behind_it_is_brought_up_to_date_by_the_command(
    tmp_path: Path, old: Database, server_uri: str
) -> None:
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": old.name}
    like = await old["leads"].find_one({"_id": ANSWERS["lists"]["/api/leads"]["ids"][0]})
    assert like
    async with running(tmp_path, given=settings) as service:
        await until(lambda: finished(old), "the migration ends")
        old_process = OldProcess(old, like)
        written = [await old_process.create() for _ in range(3)]
        changed = like["_id"]
        await old_process.rename_company(changed, "Renamed")
        before = [await service.api.shown(lead) for lead in (*written, changed)]

        done, again = await leads("migrate", **settings), await leads("migrate", **settings)

        assert [await service.api.shown(lead) for lead in (*written, changed)] == before
    assert (done.returncode, done.stdout) == (0, "leads migrate: 4 leads brought up to date; nothing else to do\n")
    assert again.stdout == "leads migrate: everything is up to date; nothing to do\n"
    assert await not_current(old) == []
    assert await old["leads"].count_documents({"folded.company": {"$exists": True}}) == 0


async def test_the_command_brings_a_whole_database_up_to_date(tmp_path: Path, old: Database, server_uri: str) -> None:
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": old.name}

    done = await leads("migrate", **settings)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("leads migrate: 61 leads, ")
    assert "leads migrate: leads: updated 61 of 61 documents to version 4\n" in done.stderr
    assert await not_current(old) == []
    async with running(tmp_path, given=settings) as service:
        await assert_answers_as_before(service, old)


async def test_old_and_new_processes_serve_side_by_side_and_their_letters_agree_in_the_end(
    tmp_path: Path, old: Database, server_uri: str
) -> None:
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": old.name}
    like = await old["leads"].find_one({"_id": ANSWERS["lists"]["/api/leads"]["ids"][0]})
    assert like
    async with running(tmp_path, given=settings) as service:
        await until(lambda: finished(old), "the migration ends")
        old_process = OldProcess(old, like)
        lead = await old_process.create()
        await old_process.rename(lead, "Łódź-Logistics", "Cafe\u0301")
        before = await service.api.shown(lead)

        assert await found(service, search="logistics") == [lead]
        assert (await leads("migrate", **settings)).returncode == 0

        for filters in ({"search": "lodz"}, {"search": "ŁÓDŹ"}, {"tag": "café"}):
            assert await found(service, **filters) == [lead], filters
        assert await found(service, sort="lead_title", order="asc", limit=100) == by_title(await every_lead(service))
        assert await service.api.shown(lead) == before


async def test_duplicates_are_found_by_what_old_processes_wrote_once_it_is_migrated(
    tmp_path: Path, old: Database, server_uri: str
) -> None:
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": old.name}
    like = await old["leads"].find_one({"_id": ANSWERS["lists"]["/api/leads"]["ids"][0]})
    assert like
    contact = like["contact"] | {"phone": "+49 (30) 7654321", "company_name": "Straße", "last_name": "Doe"}
    like |= {"contact": contact | {"email": None}}
    async with running(tmp_path, given=settings) as service:
        await until(lambda: finished(old), "the migration ends")
        old_process = OldProcess(old, like)
        first, second = [await old_process.create() for _ in range(2)]
        # An old process changes a document of the new version: its copies are computed again.
        current = {"lead_phone": "1234567", "lead_company_name": "Other", "lead_lastname": "Roe"}
        third = (await service.api.lead(**current))["id"]
        await old["leads"].update_one({"_id": third}, {"$set": {"contact": contact | {"email": None}}})

        assert (await leads("migrate", **settings)).returncode == 0

        for lead, others in {first: [third, second], second: [third, first], third: [second, first]}.items():
            answer = (await service.api.get(f"/api/leads/{lead}/duplicates")).json()
            matched = [(found["id"], found["matched_on"]) for found in answer["data"]]
            assert sorted(matched) == sorted((other, ["phone", "company_and_name"]) for other in others)
        assert sorted(await found(service, phone="0049307654321")) == [first, second, third]
        assert await found(service, phone="1234567") == []


async def test_two_records_with_what_is_one_name_now_both_stay_and_a_line_tells_until_one_is_renamed(
    tmp_path: Path, old: Database, server_uri: str
) -> None:
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": old.name}
    for collection, fields in TWICE.items():
        await old[collection].insert_many(
            [
                fields | {"_id": 100 + number, fields_name: name, "folded": f"{prefix}{name.casefold()}"}
                for number, name in enumerate(("Cafe\u0301@x.example", "Café@x.example"))
                for fields_name, prefix in [UNIQUE[collection]]
            ]
        )

    first, second = await leads("migrate", **settings), await leads("migrate", **settings)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    for done in (first, second):
        told = [line for line in done.stderr.splitlines() if "has the same unique value" in line]
        assert sorted(line.split()[2] for line in told) == sorted(TWICE), done.stderr
        assert all("100" in line and "@x.example" not in line for line in told)
    assert await not_current(old) == []
    async with running(tmp_path, given=settings) as service:
        for path, name in {"lead-statuses": "title", "categories": "name", "team": "email"}.items():
            both = [await service.api.get(f"/api/{path}/{number}") for number in (100, 101)]
            assert [answer.json()["data"][name] for answer in both] == ["Cafe\u0301@x.example", "Café@x.example"]
            renamed = await service.api.patch(f"/api/{path}/100", {name: "tea@x.example"})
            assert renamed.status_code == 200, renamed.text
    assert (await leads("migrate", **settings)).stderr.count("has the same unique value") == 0


UNIQUE = {"lead_statuses": ("title", ""), "categories": ("name", "lead "), "users": ("email", "")}
TWICE: dict[str, Document] = {
    "lead_statuses": {"color": "default", "position": 9, "is_system": False, "deleted": False},
    "categories": {"type": "lead", "is_default": False, "deleted": False},
    "users": {"type": "team", "first_name": "Sam", "last_name": "Lee", "status": "active", "deleted": False},
}
"""Records that earlier versions could have twice: in NFC and in NFD."""


async def found(service: Service, **params: Any) -> list[int]:
    answer = await service.api.get("/api/leads", **params)
    assert answer.status_code == 200, answer.text
    return [lead["id"] for lead in answer.json()["data"]]


async def every_lead(service: Service) -> list[Json]:
    records: list[Json] = (await service.api.get("/api/leads", limit=100)).json()["data"]
    return records


def by_title(records: list[Json]) -> list[int]:
    return [lead["id"] for lead in sorted(records, key=lambda lead: (letters(lead["title"]), lead["id"]))]


async def many_old_leads(database: Database, count: int) -> None:
    await ensure(database, {"leads": INDEXES["leads"]})  # empty, so that no test waits for their builds
    await database["leads"].insert_many([{"_id": n, "title": f"Lead {n}"} for n in range(1, count + 1)])


async def test_a_migration_that_is_killed_goes_on_where_it_was(
    database: Database, relay: Relay, server_uri: str
) -> None:
    await many_old_leads(database, 2 * BATCH)
    settings = {"LEADS_MONGODB_DATABASE": database.name}

    with relay.holding("update", "migrations") as noted:
        process = begun("migrate", LEADS_MONGODB_URI=relay.uri, **settings)
        for number in (1, 2):  # there is a walk, and it begins
            await noted.came(number)
            noted.release()
        await noted.came(3)
        process.kill()
        await asyncio.to_thread(process.communicate, None, SECONDS)

    record = await database["migrations"].find_one({"_id": "leads"})
    assert record
    assert (record["last"], record["changed"], record["finished"]) == (BATCH, BATCH, None)
    await database["migrations"].update_one({"_id": "leads"}, {"$set": {"lease.until": now() - timedelta(seconds=1)}})

    done = await leads("migrate", LEADS_MONGODB_URI=server_uri, **settings)

    assert done.returncode == 0, done.stderr
    assert f"leads: resuming after {BATCH}\n" in done.stderr
    assert f"leads migrate: {BATCH} leads brought up to date" in done.stdout
    assert await not_current(database) == []


async def test_two_processes_that_migrate_at_once_change_each_document_once(
    database: Database, server_uri: str
) -> None:
    await many_old_leads(database, 2 * BATCH)
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}

    both = await asyncio.gather(leads("migrate", **settings), leads("migrate", **settings))

    assert [done.returncode for done in both] == [0, 0]
    changed = [int(found[1]) for done in both if (found := re.search(r"(\d+) leads", done.stdout))]
    assert sum(changed) == 2 * BATCH
    assert await not_current(database) == []


async def test_an_interrupted_command_says_nothing_odd(database: Database, relay: Relay) -> None:
    await database["leads"].insert_one({"_id": 1})
    settings = {"LEADS_MONGODB_URI": relay.uri, "LEADS_MONGODB_DATABASE": database.name}
    with relay.holding("createIndexes", "leads") as building:
        process = begun("migrate", **settings)
        await building.came(1)

        process.send_signal(signal.SIGINT)
        _, words = await asyncio.to_thread(process.communicate, None, SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in words


async def test_a_service_lives_and_says_that_it_is_not_ready_while_indexes_are_built(
    tmp_path: Path, old: Database, relay: Relay
) -> None:
    await old["leads"].drop_index("title")
    settings = {"LEADS_MONGODB_URI": relay.uri, "LEADS_MONGODB_DATABASE": old.name}
    with relay.holding("createIndexes", "leads") as building:
        async with started(tmp_path / "1", given=settings) as service:
            await building.came(1)
            await service.until(200, "/health/live")
            ready, early = await service.http.get("/health/ready"), await service.api.get("/api/leads")

            for answer in (ready, early):
                assert answer.status_code == 503
                message: Json = answer.json()
                assert message == {"message": "The database is being set up. Please try again in a moment."}
            assert await service.end() == 0  # it does not wait for the build

        async with started(tmp_path / "2", given=settings) as service:
            await service.until(200, "/health/live")
            building.release_all()
            await service.until(200)

            lines: list[Any] = [line["message"] for line in service.lines]
            assert (await service.api.get("/api/leads?sort=lead_title")).status_code == 200
    assert not [line for line in lines if "cannot be set up" in line]
