"""How many calls the reads and creates of a moment are, on a real server (docs/decisions/0008-batching.md)."""

from asyncio import create_task, gather

from tests.client import Api, Json
from tests.simulators.relay import Relay


def found_by(command: Json) -> list[int]:
    """Return the ids that a find looks for."""
    wanted = command["filter"]["_id"]
    return wanted["$in"] if isinstance(wanted, dict) else [wanted]


async def test_a_lone_read_is_a_find_of_its_own(relayed_api: Api, relay: Relay) -> None:
    lead = await relayed_api.lead()

    with relay.watching("find", "leads") as finds:
        await relayed_api.shown(lead["id"])

    assert [found_by(command) for command in finds.commands] == [[lead["id"]]]


async def test_a_lone_create_is_an_insert_of_its_own(relayed_api: Api, relay: Relay) -> None:
    with relay.watching("insert", "leads") as inserts:
        lead = await relayed_api.lead()

    assert [[document["_id"] for document in command["documents"]] for command in inserts.commands] == [[lead["id"]]]


async def test_reads_at_once_are_far_fewer_finds(relayed_api: Api, relay: Relay) -> None:
    leads = [await relayed_api.lead() for _ in range(60)]

    with relay.watching("find", "leads") as finds:
        shown = await gather(*(relayed_api.shown(lead["id"]) for lead in leads))

    assert shown == leads
    assert {lead_id for command in finds.commands for lead_id in found_by(command)} == {lead["id"] for lead in leads}
    assert len(finds.commands) < 60 / 6


async def test_creates_at_once_are_far_fewer_inserts(relayed_api: Api, relay: Relay) -> None:
    with relay.watching("insert", "leads") as inserts:
        leads = await gather(*(relayed_api.lead() for _ in range(60)))

    inserted = [document["_id"] for command in inserts.commands for document in command["documents"]]
    assert sorted(inserted) == sorted(lead["id"] for lead in leads)
    assert len(inserts.commands) < 60 / 6


async def test_a_read_is_answered_while_the_one_behind_it_is_under_way(relayed_api: Api, relay: Relay) -> None:
    lead, other = await relayed_api.lead(), await relayed_api.lead()

    with relay.holding("find", "leads") as finds:
        first = create_task(relayed_api.shown(lead["id"]))
        await finds.came(1)
        second = create_task(relayed_api.shown(other["id"]))
        await relayed_api.get("/api/clients")  # longer than the second takes to be asked for
        finds.release()

        assert await first == lead
        await finds.came(2)
        assert not second.done()

    assert await second == other


async def test_a_create_is_answered_while_the_one_behind_it_is_under_way(relayed_api: Api, relay: Relay) -> None:
    with relay.holding("insert", "leads") as inserts:
        first = create_task(relayed_api.lead(lead_title="First"))
        await inserts.came(1)
        second = create_task(relayed_api.lead(lead_title="Second"))
        await relayed_api.get("/api/clients")
        inserts.release()

        assert (await first)["title"] == "First"
        await inserts.came(2)
        assert not second.done()

    assert (await second)["title"] == "Second"


async def test_pages_of_one_filter_at_once_share_their_count(relayed_api: Api, relay: Relay) -> None:
    await gather(*(relayed_api.lead() for _ in range(24)))

    with relay.watching("find", "leads") as finds, relay.holding("aggregate", "leads") as counts:
        tasks = [create_task(relayed_api.get("/api/leads", limit=1, page=number)) for number in range(1, 21)]
        await finds.came(20)
        await relayed_api.get("/health/ready")  # takes longer than they take to come to the count
        counts.release_all()
        pages = await gather(*tasks)

    assert {page.json()["meta"]["total"] for page in pages} == {25}
    assert len(counts.commands) < 20 / 2
