"""Every committed change is told once: services, and with them the relay, are killed again and again under load.

Four services change leads. Each request has its mark as its request id, which is in the event of what it did. So the
feed is compared with the history of requests, and with the versions of the leads.
"""

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from leads_api.mongo.client import Database, close, connect
from leads_api.server.embedded import Embedded
from tests.client import Api, Json
from tests.conftest import PATIENCE
from tests.faults.extent import extent
from tests.faults.history import (
    ARCHIVE,
    CHANGE,
    CLONE,
    COMMENT,
    CONVERT,
    CREATE,
    DELETE,
    MERGE,
    UNCOMMENT,
    History,
    Request,
)
from tests.faults.load import Load
from tests.faults.replicas import Replicas
from tests.wire.events.feed import followed
from tests.wire.process import SECONDS, until

SERVICES = 4
CHANGES = extent(bounded=300, full=10_000)
KILLS = extent(bounded=2, full=20)

KINDS = {
    CREATE: {"lead.created"},
    ARCHIVE: {"lead.archived"},
    CHANGE: {"lead.tagged", "lead.updated"},
    COMMENT: {"lead.comment_added"},
    UNCOMMENT: {"lead.comment_deleted"},
    CONVERT: {"lead.converted", "lead.deleted"},
    CLONE: {"lead.cloned"},
    DELETE: {"lead.deleted"},
    MERGE: {"lead.merged", "lead.deleted"},
}
"""The types of the events of each kind of request."""


@dataclass
class Verdict:
    """What the comparison of feed, history and database has found."""

    faults: list[str]
    events: int
    acknowledged: int
    unknown: int
    written_unknown: int

    def __str__(self) -> str:
        return (
            f"{self.events} events of {self.acknowledged} acknowledged changes and {self.written_unknown} of"
            f" {self.unknown} whose callers were not told; faults: {self.faults}"
        )


def compared(events: list[Json], history: History, versions: dict[int, int]) -> Verdict:
    """Compare the feed with what callers were told, and with the versions that the leads have."""
    faults: list[str] = []
    if [event["id"] for event in events] != list(range(1, len(events) + 1)):
        faults.append("ids have gaps, or are not in order")
    told: dict[str, list[Json]] = defaultdict(list)
    of_lead: dict[int, list[Json]] = defaultdict(list)
    for event in events:
        if event["type"] == "feed.gap":
            faults.append("there is a gap")
            continue
        told[event["data"]["request_id"]].append(event)
        of_lead[event["data"]["lead_id"]].append(event)
        shown = event["data"]["lead"]
        if shown is not None and shown["version"] < event["data"]["version"]:
            faults.append(f"event {event['id']} shows a lead that is older than the change")
    requests = [request for request in history if request.kind in KINDS]
    faults += [fault for request in requests for fault in _of_request(request, history, told.pop(request.mark, []))]
    faults += [f"{mark}: {len(rest)} events of a request that changes nothing" for mark, rest in told.items()]
    for lead, its in of_lead.items():
        faults += _of_lead(lead, its, versions)
    faults += [f"lead {lead} has no event" for lead in versions.keys() - of_lead.keys()]
    unknown = [request for request in requests if history.is_open(request)]
    marks = {event["data"]["request_id"] for event in events}
    return Verdict(
        faults,
        len(events),
        sum(request.done for request in requests),
        len(unknown),
        sum(request.mark in marks for request in unknown),
    )


def _of_request(request: Request, history: History, its: list[Json]) -> Iterator[str]:
    expected = 2 if request.kind == MERGE or (request.kind == CONVERT and request.deletes) else 1
    types = Counter(event["type"] for event in its)
    if any(count > 1 for count in types.values()) or not types.keys() <= KINDS[request.kind]:
        yield f"{request.mark}: told as {dict(types)}"
    if request.done and len(its) != expected:
        yield f"{request.mark} was acknowledged, and has {len(its)} events"
    if not request.done and its and not history.is_open(request):
        yield f"{request.mark} was refused with {request.status}, and has {len(its)} events"
    if its and len(its) != expected:
        yield f"{request.mark} has {len(its)} events instead of {expected}"
    others = {event["data"]["lead_id"] for event in its} - {request.lead}
    if request.lead is not None and request.kind not in {CLONE, MERGE} and others:
        yield f"{request.mark} is told of another lead"


def _of_lead(lead: int, its: list[Json], versions: dict[int, int]) -> Iterator[str]:
    seen = [event["data"]["version"] for event in its]
    if seen != list(range(1, len(its) + 1)):
        yield f"lead {lead}: the versions of its events are {seen}"
    gone = its[-1]["type"] == "lead.deleted"
    if gone == (lead in versions):
        yield f"lead {lead}: is it deleted? its last event says {its[-1]['type']}"
    if not gone and versions.get(lead) != seen[-1]:
        yield f"lead {lead} has version {versions.get(lead)}, but its last event has {seen[-1]}"


async def versions_of(database: Database) -> dict[int, int]:
    return {lead["_id"]: lead["version"] async for lead in database["leads"].find({}, {"version": 1})}


async def all_events(api: Api) -> list[Json]:
    """Return all events, when the one of a lead that was created last is there."""
    last = await api.lead(lead_title="the last one")
    await followed(api, 1, lead_id=last["id"])
    events: list[Json] = []
    while found := (await api.get("/api/events", after=events[-1]["id"] if events else 0, limit=100)).json()["data"]:
        events += found
    assert events.pop()["data"]["lead_id"] == last["id"]
    await api.delete(f"/api/leads/{last['id']}")
    return events


async def test_each_committed_change_is_told_once_whatever_is_killed(tmp_path: Path) -> None:
    history = History()
    chance = random.Random(5)
    with Embedded(tmp_path / "store") as server:
        replicas = Replicas(tmp_path, server.uri, SERVICES)
        async with replicas.running():
            async with AsyncExitStack() as callers:
                loads = [Load(history, service.url) for service in replicas.services]
                for load in loads:
                    await callers.enter_async_context(load.running())
                for number in range(KILLS):
                    await loads[0].acknowledged(CHANGES // (KILLS + 1))
                    relaying = await replicas.relaying()
                    await replicas.kill(relaying if number % 2 == 0 else chance.randrange(SERVICES))

                async def enough() -> bool:
                    return sum(request.done and request.kind in KINDS for request in history) >= CHANGES

                await until(enough, f"{CHANGES} changes are acknowledged", 1000)
            for service in replicas.services:
                history.explain(service.lines)
            async with httpx.AsyncClient(base_url=replicas.services[0].url, timeout=SECONDS) as http:
                events = await all_events(Api(http))
        client = connect(server.uri, request_timeout=PATIENCE)
        versions = await versions_of(client["leads"])
        await close(client)

    verdict = compared(events, history, versions)
    sys.stdout.write(f"{KILLS} kills of services, every second one of the relay: {verdict}\n")
    assert verdict.faults == []
    assert verdict.acknowledged >= CHANGES
