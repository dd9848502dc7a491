"""One relay at a time, whatever ends it; and what it does where the history of changes is not there."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from leads_api.events.changes import PIPELINE
from leads_api.events.relay import READER
from leads_api.events.store import EventStore
from leads_api.memory import Memory
from leads_api.mongo import change_streams
from leads_api.mongo.change_streams import Position, watch
from leads_api.mongo.client import Database, Document
from leads_api.mongo.positions import COLLECTION, LostLease
from leads_api.mongo.server_time import server_time
from leads_api.server.embedded import Embedded
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.setup import set_up
from tests.client import Api
from tests.conftest import Serve
from tests.wire.events.feed import followed, last_id, told
from tests.wire.process import free_port, running, until


def services_on(database: Database) -> Services:
    """The parts of a service, of which nothing runs."""
    return Services(Settings(mongodb_database=database.name), database.client, Memory())


async def held(database: Database) -> bool:
    """Tell whether a process holds the lease."""
    found = await database[COLLECTION].find_one({"_id": READER})
    return found is not None and found["lease"] is not None


async def test_a_change_between_the_setup_and_the_first_look_is_an_event(database: Database, serve: Serve) -> None:
    await set_up(database)
    services = services_on(database)
    lead = await services.leads.create({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}, 1)

    async with serve() as api:
        (event,) = await followed(api, 1)

    assert told(event) == ("lead.created", 1, [])
    assert event["data"]["lead_id"] == lead.lead.id


async def test_what_happens_while_no_relay_runs_is_told_by_the_next_one(
    database: Database, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api:
        await api.lead()
        await followed(api, 1)
    leads = services_on(database).leads
    for number in range(5):
        await leads.update(1, {"title": f"title {number}"}, "updated", 1, None)

    async with serve() as api:
        events = await followed(api, 5, after=1)

    assert [event["data"]["version"] for event in events] == [2, 3, 4, 5, 6]
    assert [event["id"] for event in events] == [2, 3, 4, 5, 6]


async def test_of_two_services_one_relays_and_the_other_takes_over_when_it_ends(
    database: Database, serve: Serve
) -> None:
    async with serve() as staying:
        async with serve() as other:
            await staying.lead()
            await other.lead()
            await followed(other, 2)
        await staying.lead()
        events = await followed(staying, 3)

    assert [event["data"]["lead_id"] for event in events] == [1, 2, 3]
    assert not await held(database)


@asynccontextmanager
async def read_by(services: Services) -> AsyncIterator[tuple[Position, list[Document]]]:
    """Yield the position of a relay, and what it has read behind it, while it has not yet written that."""
    relay = services.relay
    position = await relay._acquire()
    assert position
    async with watch(services.leads.collection, PIPELINE, position) as changes:
        entries: list[Document] = []
        while len(entries) < await services.leads.collection.count_documents({}):
            entries += await changes.batch(10)
        yield position, entries


async def let_go(database: Database) -> None:
    """Let the time of the lease be over."""
    late = await server_time(database) - timedelta(milliseconds=1)
    await database[COLLECTION].update_one({"_id": READER}, {"$set": {"lease.until": late}})


async def test_a_relay_that_was_taken_over_can_write_no_event_twice(database: Database, serve: Serve) -> None:
    await set_up(database)
    zombie, heir = services_on(database), services_on(database)
    for _ in range(3):
        await zombie.leads.create({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}, 1)

    async with read_by(zombie) as (position, entries):
        assert await heir.relay._acquire() is None
        await let_go(database)
        async with read_by(heir) as (same, _):
            assert same == position
            await heir.relay._recorder.record(entries[:2], position)
            with pytest.raises(LostLease):
                await zombie.relay._recorder.record(entries, position)
            with pytest.raises(LostLease):
                await zombie.relay._positions.renew(position, None)

    await let_go(database)
    async with serve() as api:
        events = await followed(api, 3)
    assert [(event["id"], event["data"]["lead_id"]) for event in events] == [(1, 1), (2, 2), (3, 3)]


async def test_a_relay_that_was_cut_off_in_a_write_goes_on_behind_the_last_event(
    database: Database, serve: Serve
) -> None:
    await set_up(database)
    services = services_on(database)
    for _ in range(4):
        await services.leads.create({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}, 1)
    async with read_by(services) as (position, entries):
        after = await services.relay._recorder.record(entries, position)
    await database["events"].delete_many({"_id": {"$gt": 2}})  # as if these had not been written any more
    assert after.last == 4
    await let_go(database)

    async with serve() as api:
        events = await followed(api, 4)

    assert [(event["id"], event["data"]["lead_id"]) for event in events] == [(1, 1), (2, 2), (3, 3), (4, 4)]


async def test_events_of_large_leads_are_written_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.events.recorder.MAX_CHARACTERS", 3000)
    parts: list[int] = []

    async def append(self: EventStore, events: Sequence[Document]) -> None:
        parts.append(len(events))
        await real(self, events)

    real = EventStore.append
    monkeypatch.setattr(EventStore, "append", append)
    await set_up(database)
    services = services_on(database)
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3, "lead_description": "x" * 2000}
    for _ in range(3):
        await services.leads.create(body, 1)

    async with read_by(services) as (position, entries):
        after = await services.relay._recorder.record(entries, position)

    assert parts == [1] * len(entries)
    assert after.last == len(entries) > 1


async def test_ids_go_on_when_all_events_have_expired(database: Database, serve: Serve) -> None:
    async with serve() as api:
        await api.lead()
        await followed(api, 1)

        async def noted() -> bool:
            found = await database[COLLECTION].find_one({"_id": READER})
            return found is not None and found["last"] == 1

        await until(noted, "the position is noted")
    await database["events"].delete_many({})

    async with serve() as api:
        await api.lead()
        (event,) = await followed(api, 1)

    assert (event["id"], event["data"]["lead_id"]) == (2, 2)


async def test_a_lease_that_a_wrong_clock_has_made_long_is_taken(database: Database) -> None:
    await set_up(database)
    far = await server_time(database) + timedelta(days=300)
    await database[COLLECTION].update_one({"_id": READER}, {"$set": {"lease": {"owner": 1, "until": far}}})

    assert await services_on(database).relay._acquire() is not None


async def test_a_killed_relay_is_taken_over_within_fifteen_seconds(tmp_path: Path) -> None:
    with Embedded(tmp_path / "store") as server:
        given = {"LEADS_MONGODB_URI": server.uri}
        async with running(tmp_path / "a", given=given) as first:
            await first.api.lead()
            await followed(first.api, 1)
            async with running(tmp_path / "b", given=given) as second:
                first.process.send_signal(signal.SIGKILL)
                await second.api.lead()
                began = monotonic()
                events = await followed(second.api, 2)
                took = monotonic() - began
                assert "Traceback" not in second.log

    assert [event["id"] for event in events] == [1, 2]
    assert [event["data"]["lead_id"] for event in events] == [1, 2]
    assert took < 15 + 15, "twice as long as it may take is no longer a busy machine"


async def test_the_end_of_a_service_gives_up_the_lease(tmp_path: Path, database: Database, server_uri: str) -> None:
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}
    async with running(tmp_path, given=given) as service:

        async def relays() -> bool:
            return await held(database)

        await until(relays, "a process relays")
        assert await service.end() == 0

    assert not await held(database)


@contextmanager
def forgetful(folder: Path) -> Iterator[str]:
    """A server that keeps a short history of changes."""
    port = free_port()
    server = subprocess.Popen(
        [
            Path(sys.executable).with_name("secantusd-py"), "--port", str(port), "--storage-path", folder / "store",
            "--oplog-max-entries", "20", "--log-level", "ERROR",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"mongodb://127.0.0.1:{port}/?retryWrites=false"
    finally:
        server.terminate()
        server.wait(30)


async def test_where_the_history_is_lost_there_is_a_gap_and_an_error(tmp_path: Path) -> None:
    with forgetful(tmp_path) as uri:
        given = {"LEADS_MONGODB_URI": uri}
        async with running(tmp_path / "a", given=given) as before:
            await before.api.lead()
            await followed(before.api, 1)
        with MongoClient[Any](uri) as client:
            client["leads"]["leads"].update_one({"_id": 1}, {"$set": {"title": "unseen"}, "$inc": {"version": 1}})
            client["other"]["others"].insert_many([{"n": n} for n in range(1500)])
        async with running(tmp_path / "b", given=given) as after:
            created, gap = await followed(after.api, 2)
            await after.api.lead()
            (event,) = await followed(after.api, 1, after=gap["id"])
            errors = [line for line in after.lines if line["level"] == "error"]

    assert told(created) == ("lead.created", 1, [])
    assert (gap["id"], gap["type"]) == (2, "feed.gap")
    assert gap["data"] == {
        "lead_id": None, "version": None, "changed": [], "actor": None, "request_id": None, "lead": None,
    }  # fmt: skip
    assert (event["id"], *told(event)) == (3, "lead.created", 1, [])
    assert len(errors) == 1
    assert errors[0]["message"].startswith("changes of leads are missing among the events: OperationFailure 286")


async def test_a_dropped_collection_is_a_gap_behind_what_was_told_before(
    api: Api, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await api.lead()
    await followed(api, 1)
    await api.lead()
    await database["leads"].drop()
    await set_up(database)
    (_, second, gap) = await followed(api, 3)
    lead = await api.lead()
    (event,) = await followed(api, 1, after=gap["id"])
    of_a_type = await followed(api, 1, type="lead.archived")
    of_a_lead = await followed(api, 2, lead_id=second["data"]["lead_id"])

    assert of_a_type == [gap]
    assert of_a_lead == [second, gap]
    assert second["data"]["lead_id"] == 2
    assert gap["type"] == "feed.gap"
    assert event["data"]["lead_id"] == lead["id"]
    assert "the collection of leads was dropped or renamed" in caplog.text


async def test_without_a_change_stream_the_service_works_and_says_so_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    asked = asyncio.Queue[None]()
    collection: Any = type(getattr(database["leads"], "delegate", database["leads"]))
    offered = collection.watch

    def refuse(self: Any, *arguments: object, **options: object) -> object:
        if self.database.name != database.name:  # a service of other tests
            return offered(self, *arguments, **options)
        asked.put_nowait(None)
        raise OperationFailure("$changeStream is not supported", 40324)

    monkeypatch.setattr(collection, "watch", refuse)
    monkeypatch.setattr("leads_api.events.relay.NO_STREAM_SECONDS", 0.01)
    with caplog.at_level(logging.WARNING, "leads.events"):
        async with serve() as api:
            for _ in range(5):
                await asked.get()
            lead = await api.lead()
            assert await api.shown(lead["id"]) == lead
            assert (await api.get("/api/events")).json()["data"] == []

    said = [record.message for record in caplog.records if record.name == "leads.events"]
    assert len(said) == 1
    assert said[0].startswith("the database offers no change stream, so there are no events: OperationFailure 40324")


async def test_a_relay_survives_a_database_that_fails(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("leads_api.events.relay.LOOK_SECONDS", 0.05)
    failing = iter([OperationFailure("no", 91), OperationFailure("no", 91), RuntimeError("unexpected")])

    async def batch(self: change_streams.Changes, most: int) -> list[Any]:
        if (error := next(failing, None)) is not None:
            raise error
        return await real(self, most)

    real = change_streams.Changes.batch
    monkeypatch.setattr(change_streams.Changes, "batch", batch)
    async with serve() as api:
        await api.lead()
        assert await last_id(api) == 2

    said = [
        record.message
        for record in caplog.records
        if record.name == "leads.events" and record.levelno >= logging.WARNING
    ]
    assert [line.partition(":")[0] for line in said] == [
        "the relay of events was interrupted and will be resumed",
        "the relay of events was interrupted and will be resumed",
        "the relay of events failed and will be resumed",
    ]
