"""What the metrics say of deliveries that are late and of webhooks that fail."""

import asyncio
from datetime import datetime, timedelta

from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.mongo.server_time import server_time
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.tasks import end
from leads_api.telemetry.metrics import snapshot
from tests.wire.process import until

OVERDUE, FAILING = "leads_webhook_deliveries_overdue_seconds", "leads_webhooks_failing_seconds"


async def shown(database: Database) -> dict[str, float]:
    """Return what a process shows that sends nothing."""
    services = Services(Settings(mongodb_database=database.name), database.client, Memory())
    running = asyncio.create_task(services.webhook_watch.run())
    await asyncio.sleep(0)  # it begins: from now on, the metrics are its own
    found: dict[str, float] = {}

    async def known() -> bool:
        gauges = snapshot().gauges
        found.update({name: series.numbers[0] for name in (OVERDUE, FAILING) for series in gauges[name]})
        return len(found) == 2

    await until(known, "a look at the webhooks")
    await end(running)
    return found


async def test_what_is_due_longest_and_what_fails_longest_show_and_disabled_webhooks_do_not_count(
    database: Database,
) -> None:
    moment = await server_time(database)

    def ago(hours: int) -> datetime:
        return moment - timedelta(hours=hours)

    await database["webhooks"].insert_many(
        [
            {"_id": 1, "status": "active", "failing_since": ago(3)},
            {"_id": 2, "failing_since": ago(1)},
            {"_id": 3, "status": "disabled", "failing_since": ago(9)},
        ]
    )
    await database["webhook_deliveries"].insert_many(
        [
            {"_id": 1, "webhook": 1, "status": "pending", "due": ago(-1)},
            {"_id": 2, "webhook": 1, "status": "pending", "due": ago(1)},
            {"_id": 3, "webhook": 2, "status": "pending", "due": ago(2)},
            {"_id": 4, "webhook": 3, "status": "pending", "due": ago(8)},
            {"_id": 5, "webhook": 1, "status": "failed", "due": None},
        ]
    )

    found = await shown(database)

    assert 2 * 3600 <= found[OVERDUE] < 2.5 * 3600
    assert 3 * 3600 <= found[FAILING] < 3.5 * 3600


async def test_what_is_due_later_is_not_late(database: Database) -> None:
    later = await server_time(database) + timedelta(hours=1)
    await database["webhooks"].insert_one({"_id": 1, "status": "active"})
    await database["webhook_deliveries"].insert_one({"_id": 1, "webhook": 1, "status": "pending", "due": later})

    assert await shown(database) == {OVERDUE: 0, FAILING: 0}
