"""What tests of webhooks say in a word: the deliveries as they stand in the database."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from leads_api.mongo.client import Database, Document
from tests.client import Api, Json
from tests.wire.process import until


class Queue:
    """The collections of webhooks and deliveries of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.webhooks = database["webhooks"]
        self.deliveries = database["webhook_deliveries"]

    async def all(self) -> list[Document]:
        """Return all deliveries, in the order of their ids."""
        return await self.deliveries.find({}, sort=[("_id", 1)]).to_list(None)

    async def make_due(self, **wanted: Any) -> None:
        """Let the pauses of pending deliveries be over."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        await self.deliveries.update_many({"status": "pending", "lease": None} | wanted, {"$set": {"due": past}})

    async def until(self, *statuses: str) -> list[Document]:
        """Wait until the deliveries have these statuses, in the order of their ids; return them."""

        async def so() -> bool:
            return [delivery["status"] for delivery in await self.all()] == list(statuses)

        await until(so, f"deliveries are {statuses}")
        return await self.all()

    async def until_so(self, so: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something is so."""
        await until(so, "it")

    async def until_tried(self, attempts: int) -> Document:
        """Wait until the only delivery was sent so often, and is at rest; return it."""

        async def so() -> bool:
            return [each["attempts"] >= attempts and each["lease"] is None for each in await self.all()] == [True]

        await until(so, f"{attempts} attempts")
        (delivery,) = await self.all()
        return delivery


async def shown(api: Api, webhook: Json) -> list[Json]:
    """Return the deliveries of a webhook as callers see them, newest first."""
    data: list[Json] = (await api.get(f"/api/webhooks/{webhook['id']}/deliveries")).json()["data"]
    return data


async def ping(api: Api, webhook: Json) -> Json:
    """Have a test sent to a webhook; return the delivery."""
    answer = await api.post(f"/api/webhooks/{webhook['id']}/test")
    assert answer.status_code == 202, answer.text
    delivery: Json = answer.json()["data"]
    return delivery
