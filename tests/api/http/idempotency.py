"""Requests with idempotency keys, and what their answers have in common."""

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.api.endpoints import ENDPOINTS
from tests.client import Api, Json

POSTS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"]
EACH_POST = pytest.mark.parametrize("endpoint", POSTS, ids=[endpoint.name for endpoint in POSTS])
LEAD = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
OWN = {"x-request-id", "ratelimit", "ratelimit-policy", "idempotency-replayed"}
"""The headers that each answer has of its own."""


async def create(api: Api, body: Json | None = None, *, key: str = "key-1", **headers: str) -> httpx.Response:
    """Create a lead with an idempotency key."""
    return await api.post("/api/leads", body or LEAD, headers={"Idempotency-Key": key} | headers)


def replayed(answer: httpx.Response) -> bool:
    """Tell whether an answer says that it is an earlier one."""
    told: str | None = answer.headers.get("Idempotency-Replayed")
    return told == "true"


def recorded(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what of an answer is the same in each replay of it."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    return answer.status_code, headers, answer.content


_NO_RECORDS = {"counters", "idempotency_keys", "events", "positions", "migrations"}
_BY_REQUESTS: dict[str, tuple[Json, Json]] = {
    "webhooks": ({}, {"position": 0, "failing_since": 0}),
    "webhook_deliveries": ({"event": None}, {"webhook": 1, "type": 1}),
}
"""Which documents requests write, and which fields of them, where background tasks write others."""


async def records(database: Database) -> dict[str, list[Json]]:
    """Return what requests have written, except counters and idempotency keys, which are no records of callers."""
    names = set(await database.list_collection_names()) - _NO_RECORDS
    return {
        name: await database[name].find(*_BY_REQUESTS.get(name, ())).sort("_id", 1).to_list(None)
        for name in sorted(names)
    }


async def number_of_leads(api: Api) -> int:
    total: int = (await api.get("/api/leads")).json()["meta"]["total"]
    return total
