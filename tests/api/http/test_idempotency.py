"""Idempotency keys (contract, section 5, "Idempotency"): a request that is repeated gets the first answer again."""

import json
from asyncio import gather
from collections import Counter
from typing import Any

import httpx
import pytest

from leads_api.mongo.client import Database
from leads_api.setup import INDEXES
from tests.api.endpoints import ENDPOINTS, FORM, Endpoint, as_form, make_records
from tests.api.raw import send_raw
from tests.client import Api, Json, errors
from tests.conftest import Serve

POSTS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"]
EACH_POST = pytest.mark.parametrize("endpoint", POSTS, ids=[endpoint.name for endpoint in POSTS])
LEAD = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
OWN = {"x-request-id", "ratelimit", "ratelimit-policy"}
"""Headers that each response has of its own."""
KEY_FAULT = ["The idempotency key field must have 1 to 255 visible ASCII characters, without spaces, and be sent once."]
USED = ["The idempotency key has already been used for another request. Use a new key for each request."]


def keyed(key: str = "key-1", **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key, **more}


async def post(api: Api, body: Json | None = None, key: str = "key-1", path: str = "/api/leads") -> httpx.Response:
    return await api.post(path, LEAD if body is None else body, headers=keyed(key))


def first_of(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what a replay has of the first answer."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN | {"idempotency-replayed"}}
    return answer.status_code, headers, answer.content


def is_replay(answer: httpx.Response) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


async def everything(database: Database) -> dict[str, list[Json]]:
    """Return all documents except the counters and the keys."""
    names = [name for name in await database.list_collection_names() if not name.startswith("system.")]
    found = {name: await database[name].find().sort("_id", 1).to_list(None) for name in names}
    return {name: rows for name, rows in found.items() if name not in {"counters", "idempotency_keys"} and rows}


@EACH_POST
async def test_a_repeated_post_gets_the_first_answer_after_a_change_and_a_deletion(
    api: Api, ids: dict[str, int], database: Database, endpoint: Endpoint
) -> None:
    path, body = endpoint.at(ids), endpoint.sent(ids)
    first = await api.post(path, body, headers=keyed())
    assert (first.status_code, is_replay(first)) == (endpoint.status, False), first.text

    at_once = await api.post(path, body, headers=keyed())
    made = (path, first.json()["data"]["id"])
    home = "/api/leads" if path.endswith("/clone") else path
    if endpoint.path not in {"/api/leads/{lead}/convert"} and not path.endswith("/comments"):
        (changed,) = [e for e in ENDPOINTS if e.method == "PATCH" and e.path.startswith(f"{home}/{{")]
        assert (await api.patch(f"{home}/{made[1]}", changed.sent(ids))).status_code == 200
    after_change = await api.post(path, body, headers=keyed())
    if not path.endswith("/convert"):
        assert (await api.delete(f"{home}/{made[1]}")).status_code == 200
    for lead in (ids["lead"],):
        assert (await api.delete(f"/api/leads/{lead}")).status_code == 200
    before = await everything(database)
    after_deletion = await api.post(path, body, headers=keyed())

    for answer in (at_once, after_change, after_deletion):
        assert is_replay(answer)
        assert first_of(answer) == first_of(first)
    assert len({answer.headers["X-Request-ID"] for answer in (first, at_once, after_change, after_deletion)}) == 4
    assert await everything(database) == before
