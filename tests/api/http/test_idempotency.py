"""Idempotency keys (contract, section 5, "Idempotency"): a request that is repeated gets the first answer again."""

from asyncio import gather
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from mongomock_motor import AsyncMongoMockClient

from leads_api.access.keys import KeyStore
from leads_api.asgi import create_app
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from leads_api.settings import Settings
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.api.http.idempotency import EACH_POST, LEAD, POSTS, create, number_of_leads, recorded, records, replayed
from tests.api.openapi.reading import shape
from tests.client import KEY, Api, errors
from tests.conftest import PATIENCE, Serve


def test_every_post_of_the_service_is_among_those_of_these_tests() -> None:
    app = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())

    posts = {
        shape(route.path_format) for route in app.routes if isinstance(route, HTTPRoute) and "POST" in route.methods
    }

    assert posts == {shape(endpoint.path) for endpoint in POSTS}


@EACH_POST
async def test_a_repeated_post_gets_the_first_answer_also_after_a_change_and_a_deletion(
    api: Api, ids: dict[str, int], database: Database, endpoint: Endpoint
) -> None:
    path, body, headers = endpoint.at(ids), endpoint.sent(ids), {"Idempotency-Key": "key-1"}
    first = await api.post(path, body, headers=headers)
    assert first.status_code == endpoint.status, first.text
    at_once = await api.post(path, body, headers=headers)

    data = first.json()["data"]
    changed = data[0] if isinstance(data, list) else data
    made = first.headers.get("Location") or f"/api/leads/{changed['id']}"
    if not made.endswith("/comments"):
        made = made if endpoint.name != "POST /api/leads/{lead}/convert" else f"/api/leads/{ids['lead']}"
        (change,) = [
            e for e in ENDPOINTS if e.method == "PATCH" and e.path.rpartition("/")[0] == made.rpartition("/")[0]
        ]
        assert (await api.patch(made, change.sent(ids))).status_code == 200
    after_a_change = await api.post(path, body, headers=headers)

    made = f"{made}/{first.json()['data']['id']}" if made.endswith("/comments") else made
    assert (await api.delete(made)).status_code == 200
    await api.delete(f"/api/leads/{ids['lead']}")
    left = await records(database)
    after_a_deletion = await api.post(path, body, headers=headers)

    assert not replayed(first)
    for answer in (at_once, after_a_change, after_a_deletion):
        assert replayed(answer)
        assert recorded(answer) == recorded(first)
    assert len({answer.headers["X-Request-ID"] for answer in (first, at_once, after_a_change, after_a_deletion)}) == 4
    assert await records(database) == left


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e-40d5"', "a.b$c{}", "0:1"])
async def test_any_visible_characters_are_a_key(api: Api, key: str) -> None:
    first, second = await create(api, key=key), await create(api, key=key)

    assert recorded(second) == recorded(first)
    assert replayed(second)
    assert await number_of_leads(api) == 1


async def test_the_body_of_a_replay_is_not_checked_again(api: Api) -> None:
    status = await api.status()
    body = LEAD | {"lead_status": status["id"]}
    first = await create(api, body)
    await api.delete(f"/api/leads/{first.json()['data']['id']}")
    assert (await api.delete(f"/api/lead-statuses/{status['id']}")).status_code == 200
    assert errors(await create(api, body, key="key-2")).keys() == {"lead_status"}

    assert recorded(await create(api, body)) == recorded(first)


async def test_keys_are_apart_by_api_key(api: Api, database: Database) -> None:
    store = KeyStore(database, Ids(database))
    texts = [(await store.create(name, user=1))[1] for name in ("one", "other")]

    answers = [
        await create(api, LEAD | {"lead_title": name}, Authorization=f"Bearer {text}")
        for name, text in zip(("a", "b", "c"), (KEY, *texts), strict=True)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [replayed(answer) for answer in answers] == [False, False, False]
    assert await number_of_leads(api) == 3


async def test_other_methods_and_posts_without_the_header_do_not_mind(api: Api, database: Database) -> None:
    headers = {"Idempotency-Key": "a b"}
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"

    answers = [
        await api.call("GET", path, headers=headers),
        await api.patch(path, {"lead_title": "Two"}, headers=headers),
        await api.put(f"{path}/tags", {"tags": []}, headers=headers),
        await api.delete(path, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    assert await database["idempotency_keys"].count_documents({}) == 0


async def test_of_thirty_requests_at_once_with_one_key_one_makes_a_lead(api: Api) -> None:
    answers = await gather(*(create(api) for _ in range(30)))

    made = [answer for answer in answers if answer.status_code == 201]
    busy = [answer for answer in answers if answer.status_code != 201]
    assert all(recorded(answer) == recorded(made[0]) for answer in made)
    assert [replayed(answer) for answer in made].count(False) == 1
    for answer in busy:
        assert answer.status_code == 409, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
    assert await number_of_leads(api) == 1
    assert replayed(await create(api))


async def test_keyed_requests_at_once_make_a_lead_each(api: Api, database: Database) -> None:
    answers = await gather(*(create(api, LEAD | {"lead_title": f"Lead {n}"}, key=f"key-{n}") for n in range(40)))
    again = await gather(*(create(api, LEAD | {"lead_title": f"Lead {n}"}, key=f"key-{n}") for n in range(40)))

    assert [answer.json()["data"]["title"] for answer in answers] == [f"Lead {n}" for n in range(40)]
    assert [recorded(answer) for answer in again] == [recorded(answer) for answer in answers]
    assert await number_of_leads(api) == 40
    for answer in answers:
        assert (await api.shown(answer.json()["data"]["id"])) == answer.json()["data"]
    assert await database["idempotency_keys"].count_documents({}) == 40


async def test_a_record_is_kept_for_a_day_by_the_database(api: Api, database: Database) -> None:
    await create(api)

    (index,) = [
        index
        for index in (await database["idempotency_keys"].index_information()).values()
        if "expireAfterSeconds" in index
    ]
    record = await database["idempotency_keys"].find_one({})
    assert record
    lead = await database["leads"].find_one({})
    assert lead
    assert (index["key"], index["expireAfterSeconds"]) == ([("created", 1)], 24 * 3600)
    assert abs((record["created"] - lead["dates"]["created"]).total_seconds()) < PATIENCE


async def test_when_its_record_is_gone_the_key_is_new(api: Api, database: Database) -> None:
    await create(api)
    await database["idempotency_keys"].delete_many({})  # what the server does after a day

    again = await create(api)

    assert (again.status_code, replayed(again)) == (201, False)
    assert await number_of_leads(api) == 2


async def test_the_location_of_a_replay_is_the_first_one(serve: Serve) -> None:
    async with serve(root_path="/crm") as api:
        first = await create(api)
    async with serve() as api:
        again = await create(api)

    assert first.headers["Location"].startswith("/crm/api/leads/")
    assert recorded(again) == recorded(first)


async def test_a_large_answer_is_replayed_whole(api: Api) -> None:
    body = LEAD | {"lead_description": '\u00e9\n"' * 20_000}

    first, again = await create(api, body), await create(api, body)

    assert first.status_code == 201
    assert len(first.content) > 100_000
    assert recorded(again) == recorded(first)


async def test_settings_made_with_a_key_can_be_used_at_once(serve: Serve) -> None:
    async with serve(cache_seconds=60.0) as api:
        await api.lead()  # so that the settings are cached
        fields: Any = {"title": "Won"}
        status = await api.post("/api/lead-statuses", fields, headers={"Idempotency-Key": "key-1"})
        lead = await api.lead(lead_status=status.json()["data"]["id"])
        field = {"name": "size", "title": "Size", "datatype": "text"}
        await api.post("/api/custom-fields", field, headers={"Idempotency-Key": "key-2"})

        assert lead["status"]["title"] == "Won"
        assert (await api.shown(lead["id"]))["custom_fields"] == {"size": None}
