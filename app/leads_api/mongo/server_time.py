"""The time of the database server, which all processes share."""

from datetime import UTC, datetime

from leads_api.clock import now
from leads_api.mongo.client import Database, is_mongomock


async def server_time(database: Database) -> datetime:
    """Return the server's time. Leases and due times use it, so a process with a wrong clock disturbs no other one."""
    if is_mongomock(database.client):
        return now()
    moment: datetime = (await database.client.admin.command("hello"))["localTime"]
    return moment.replace(tzinfo=UTC)  # the driver leaves it out in answers to commands
