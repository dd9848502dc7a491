"""Which keys may do what: every route, by every kind of key (contract, sections 1 "Auth" and 5 "Scopes")."""

import re
from datetime import timedelta

import pytest
from litestar.routes import HTTPRoute
from mongomock_motor import AsyncMongoMockClient

from leads_api.access.keys import KeyStore
from leads_api.asgi import create_app
from leads_api.clock import now
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from leads_api.settings import Settings
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.api.envelope import assert_fails
from tests.client import KEY, Api
from tests.conftest import Serve

OPEN = {"/", "/health/live", "/health/ready", "/metrics", "/openapi.json"}
"""Paths that need no key, with all that is below `/docs`."""

NOBODY = "Unauthorized. A valid API key is required."
ONLY_READS = "This API key may only read."


def nothing(_: Endpoint) -> int:
    return 401


def reading(endpoint: Endpoint) -> int:
    return endpoint.status if endpoint.method in {"GET", "HEAD"} else 403


def everything(endpoint: Endpoint) -> int:
    return endpoint.status


RULES = {
    "none": nothing,
    "unknown": nothing,
    "revoked": nothing,
    "expired": nothing,
    "read": reading,
    "of an unknown scope": reading,
    "of an earlier version": everything,
    "all": everything,
    "of the settings": everything,
}
"""What a key of each kind allows: the status that it is answered with by an endpoint."""

GETS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]
HEADS = [endpoint._replace(method="HEAD") for endpoint in GETS]


async def keys(database: Database) -> dict[str, str]:
    """Return a key of each kind."""
    store = KeyStore(database, Ids(database))
    revoked, revoked_text = await store.create("revoked", user=1)
    await store.revoke(revoked.id)
    (late, late_text), (old, old_text) = await store.create("late", user=1), await store.create("old", user=1)
    await database["keys"].update_one({"_id": late.id}, {"$set": {"scope": "comment"}})
    await database["keys"].update_one({"_id": old.id}, {"$unset": {"scope": ""}})
    return {
        "unknown": "lk_1_" + "A" * 43,
        "revoked": revoked_text,
        "expired": (await store.create("expired", user=1, expires=now() - timedelta(seconds=1)))[1],
        "read": (await store.create("read", user=1, scope="read"))[1],
        "of an unknown scope": late_text,
        "of an earlier version": old_text,
        "all": (await store.create("all", user=1, scope="all"))[1],
        "of the settings": KEY,
    }


def test_every_route_has_a_rule() -> None:
    app = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())
    served = {
        (method, re.sub(r"\{\w+\}", "{}", route.path_format))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }

    ruled = {(endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.path)) for endpoint in ENDPOINTS}

    assert {(method, path) for method, path in served if path.startswith("/api")} == ruled
    others = {path for _, path in served if not path.startswith("/api")}
    assert {path for path in others if path != "/docs" and not path.startswith("/docs/")} == OPEN


@pytest.mark.parametrize("kind", RULES)
async def test_a_key_of_each_kind_may_do_what_its_rule_says(
    api: Api, ids: dict[str, int], database: Database, kind: str
) -> None:
    text = (await keys(database)).get(kind)
    headers = {} if text is None else {"Authorization": f"Bearer {text}"}

    async def answered(endpoint: Endpoint) -> int:
        path = f"{endpoint.at(ids)}?{endpoint.query}"
        answer = await api.http.request(endpoint.method, path, json=endpoint.sent(ids), headers=headers)
        if answer.status_code == 401:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        if answer.status_code in {401, 403} and endpoint.method != "HEAD":
            assert_fails(answer, answer.status_code, NOBODY if answer.status_code == 401 else ONLY_READS)
        return answer.status_code

    found = {endpoint.name: await answered(endpoint) for endpoint in [*HEADS, *ENDPOINTS]}

    assert found == {endpoint.name: RULES[kind](endpoint) for endpoint in [*HEADS, *ENDPOINTS]}


async def test_a_key_that_may_only_read_writes_nothing(api: Api, ids: dict[str, int], database: Database) -> None:
    headers = {"Authorization": f"Bearer {(await keys(database))['read']}"}
    before = {endpoint.name: (await api.get(f"{endpoint.at(ids)}?{endpoint.query}")).content for endpoint in GETS}

    for endpoint in ENDPOINTS:
        if endpoint.method != "GET":
            await api.call(endpoint.method, endpoint.at(ids), endpoint.sent(ids), headers=headers)

    after = {endpoint.name: (await api.get(f"{endpoint.at(ids)}?{endpoint.query}")).content for endpoint in GETS}
    assert after == before


async def test_options_needs_a_key_of_any_scope(api: Api, ids: dict[str, int], database: Database) -> None:
    reading = {"Authorization": f"Bearer {(await keys(database))['read']}"}

    for path in {endpoint.at(ids) for endpoint in ENDPOINTS}:
        allowed = await api.http.options(path, headers=reading)
        assert allowed.status_code == 204, path
        assert allowed.headers["Allow"] == (await api.call("OPTIONS", path)).headers["Allow"]
        assert (await api.http.options(path)).status_code == 401, path


async def test_a_key_that_may_only_read_is_refused_once_it_is_revoked(serve: Serve, database: Database) -> None:
    store = KeyStore(database, Ids(database))
    async with serve(cache_seconds=0) as api:
        key, text = await store.create("reports", user=1, scope="read")
        headers = {"Authorization": f"Bearer {text}"}
        before = [await api.http.get("/api/leads", headers=headers), await api.http.post("/api/leads", headers=headers)]
        await store.revoke(key.id)
        after = [await api.http.get("/api/leads", headers=headers), await api.http.post("/api/leads", headers=headers)]

    assert [answer.status_code for answer in before] == [200, 403]
    assert [answer.status_code for answer in after] == [401, 401]
