"""Who may call (contract, section 1, "Auth")."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from leads_api.access.keys import COLLECTION, KeyStore
from leads_api.clock import now
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.api.envelope import assert_fails
from tests.api.raw import send_raw
from tests.client import KEY, Api
from tests.conftest import Serve

REFUSAL = "Unauthorized. A valid API key is required."


def assert_unauthorized(answer: httpx.Response) -> None:
    assert_fails(answer, 401, REFUSAL)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def called(api: Api, authorization: str) -> httpx.Response:
    return await api.http.get("/api/leads", headers={"Authorization": authorization})


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database, Ids(database))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer{KEY}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}x",
        f"Bearer {KEY.upper()}",
        f"Bearer, {KEY}",
        "Bearer lk_1_" + "A" * 43,
        "Bearer lk_99999999999999999999_" + "A" * 43,
        "Bearer \xe9\xe9\xe9",
        "Bearer " + "A" * 10_000,
    ],
)
async def test_a_missing_malformed_or_unknown_key_is_refused(shared: Api, authorization: str) -> None:
    answer = await shared.http.get("/api/leads", headers={b"Authorization": authorization.encode("latin-1")})

    assert_unauthorized(answer)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_name_of_the_scheme_is_taken_in_any_case(shared: Api, scheme: str) -> None:
    assert (await called(shared, f"{scheme} {KEY}")).status_code == 200
    assert_unauthorized(await called(shared, f"{scheme} {KEY[::-1]}"))


async def test_a_key_of_the_database_opens_the_api(api: Api, keys: KeyStore) -> None:
    _, text = await keys.create("crm", user=1)

    assert (await called(api, f"Bearer {text}")).status_code == 200
    assert_unauthorized(await called(api, f"Bearer {text[:-1]}{'A' if text[-1] != 'A' else 'B'}"))


async def test_a_key_opens_the_api_until_it_expires(api: Api, keys: KeyStore) -> None:
    _, lasting = await keys.create("lasting", user=1, expires=now() + timedelta(hours=1))
    _, expired = await keys.create("expired", user=1, expires=now() - timedelta(milliseconds=1))

    assert (await called(api, f"Bearer {lasting}")).status_code == 200
    assert_unauthorized(await called(api, f"Bearer {expired}"))


async def test_a_revoked_key_is_refused_and_others_are_not(serve: Serve, keys: KeyStore) -> None:
    async with serve(cache_seconds=0) as api:
        key, revoked = await keys.create("stolen", user=1)
        _, other = await keys.create("other", user=1)
        assert (await called(api, f"Bearer {revoked}")).status_code == 200

        assert await keys.revoke(key.id)

        assert_unauthorized(await called(api, f"Bearer {revoked}"))
        assert (await called(api, f"Bearer {other}")).status_code == 200


async def test_the_database_holds_no_key_that_could_be_used(api: Api, keys: KeyStore, database: Database) -> None:
    _, text = await keys.create("crm", user=1)

    documents = await database[COLLECTION].find().to_list(None)

    assert len(documents) == 1
    assert text not in repr(documents)
    assert text.split("_", 2)[2] not in repr(documents)
    for value in documents[0].values():
        assert_unauthorized(await api.http.get("/api/leads", headers={"Authorization": f"Bearer {value!r}"}))


async def test_the_keys_of_a_suspended_team_user_are_refused_until_they_are_active_again(
    api: Api, keys: KeyStore
) -> None:
    member = await api.member()
    _, text = await keys.create("sam", user=member["id"])
    assert (await called(api, f"Bearer {text}")).status_code == 200

    await api.patch(f"/api/team/{member['id']}", {"status": "suspended"})
    while_suspended = await called(api, f"Bearer {text}")
    await api.patch(f"/api/team/{member['id']}", {"status": "active"})
    afterwards = await called(api, f"Bearer {text}")

    assert_unauthorized(while_suspended)
    assert afterwards.status_code == 200


async def test_the_keys_of_a_deleted_team_user_are_refused(api: Api, keys: KeyStore) -> None:
    member = await api.member()
    _, text = await keys.create("sam", user=member["id"])
    assert (await called(api, f"Bearer {text}")).status_code == 200

    await api.delete(f"/api/team/{member['id']}")

    assert_unauthorized(await called(api, f"Bearer {text}"))


async def test_a_key_of_nobody_is_refused(api: Api, keys: KeyStore) -> None:
    _, text = await keys.create("nobody", user=99)

    assert_unauthorized(await called(api, f"Bearer {text}"))


async def test_a_comment_is_by_the_user_of_the_key(api: Api, keys: KeyStore) -> None:
    member = await api.member("Sam", "Lee")
    _, text = await keys.create("sam", user=member["id"])
    lead = await api.lead()

    answer = await api.http.post(
        f"/api/leads/{lead['id']}/comments", json={"comment": "Hi"}, headers={"Authorization": f"Bearer {text}"}
    )

    assert answer.json()["data"]["creator"] == {"id": member["id"], "name": "Sam Lee"}


async def test_the_key_is_decided_on_before_the_body_is_read(shared: Api) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b'{"lead_title": "Acme"}'

    answer = await shared.http.post("/api/leads", content=body(), headers={"Content-Type": "application/json"})

    assert_unauthorized(answer)
    assert not read


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/leads/0", "/api/leads/99", "/api/leads/1/nothing", "/api//leads"]
)
async def test_under_api_a_path_that_does_not_exist_is_not_told_without_a_key(shared: Api, path: str) -> None:
    assert_unauthorized(await shared.http.get(path))
    assert_unauthorized(await shared.http.request("PURGE", path))


async def test_a_path_of_any_length_under_api_needs_a_key(shared: Api) -> None:
    assert_unauthorized(await shared.http.get("/api/" + "x" * 10_000))


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/openapi.json", "/docs"])
async def test_outside_api_no_key_is_needed_and_a_bad_one_does_not_matter(shared: Api, path: str) -> None:
    assert (await shared.http.get(path)).status_code == 200
    assert (await shared.http.get(path, headers={"Authorization": "Bearer nonsense"})).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/apis", "/api-docs", "/docs/nothing", "/health"])
async def test_outside_api_an_unknown_path_is_not_found(shared: Api, path: str) -> None:
    assert_fails(await shared.http.get(path), 404, "Not found.")


@pytest.mark.parametrize(
    "path",
    [
        "*/api/leads", "x/api/leads", "api/leads", "*api/leads", "//api/leads", "/api//leads", "/x/../api/leads",
        "/api", "/./api/leads", "/API/leads", "http://leads.test/api/leads", "leads.test:80/api/leads", "?/api/leads",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_path_gets_around_the_key(shared: Api, path: str) -> None:
    answer = await send_raw(shared, "GET", path, key="wrong")

    assert answer.status_code in {401, 404}
