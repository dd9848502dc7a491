"""How far the feed is behind: what the relay records, and what every process shows, whether or not one relays."""

import asyncio
from datetime import datetime, timedelta

from leads_api.events.changes import PIPELINE
from leads_api.events.relay import READER
from leads_api.events.watch import FeedWatch
from leads_api.mongo.change_streams import watch
from leads_api.mongo.client import Database
from leads_api.mongo.positions import COLLECTION
from leads_api.mongo.server_time import server_time
from leads_api.setup import set_up
from leads_api.tasks import end
from leads_api.telemetry.metrics import snapshot
from tests.wire.events.test_relay import services_on
from tests.wire.process import until


async def shown_age(database: Database) -> float:
    """Return the age that a process shows which relays nothing."""
    found: list[float] = []
    running = asyncio.create_task(FeedWatch(database).run())
    await asyncio.sleep(0)  # it begins: from now on, the metrics are its own

    async def shown() -> bool:
        found.extend(series.numbers[0] for series in snapshot().gauges["leads_events_feed_age_seconds"])
        return bool(found)

    await until(shown, "the age of the feed")
    await end(running)
    return found[0]


async def test_the_feed_grows_older_while_no_process_relays(database: Database) -> None:
    await set_up(database)
    assert await shown_age(database) < 600
    hour_ago = await server_time(database) - timedelta(hours=1)
    await database[COLLECTION].update_one({"_id": READER}, {"$set": {"complete": hour_ago}})

    assert 3600 <= await shown_age(database) < 4200


async def complete_until(database: Database) -> datetime:
    found = await database[COLLECTION].find_one({"_id": READER})
    assert found is not None
    moment: datetime = found["complete"]
    return moment


async def test_the_feed_is_as_old_as_the_last_change_that_was_read_unless_there_are_no_more(
    database: Database,
) -> None:
    await set_up(database)
    services = services_on(database)
    await services.leads.create({"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}, 1)
    position = await services.relay._acquire()
    assert position
    async with watch(services.leads.collection, PIPELINE, position) as changes:
        while position.last == 0:
            services.relay._renewed = 0.0
            position = await services.relay._step(changes, position)
        event = await database["events"].find_one({"_id": position.last})
        assert event is not None
        assert await complete_until(database) == event["at"]

        services.relay._renewed = 0.0
        before = await server_time(database)
        await services.relay._step(changes, position)
        assert before <= await complete_until(database) <= await server_time(database)
