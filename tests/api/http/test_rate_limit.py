"""The rate limit per key (contract, section 5; section 6, `LEADS_RATE_LIMIT`)."""

import httpx
import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from leads_api.settings import RateLimit
from tests.api.envelope import assert_enveloped
from tests.client import Api
from tests.conftest import Serve

HOUR = 3600


def numbers(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


async def test_without_the_setting_there_is_no_limit(api: Api) -> None:
    answers = [await api.get("/api/lead-statuses/1") for _ in range(200)]

    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name in answers[-1].headers if name.startswith("ratelimit")]


async def test_every_answer_tells_what_is_left(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(5, HOUR)) as api:
        answers = [
            await api.get("/api/leads"),
            await api.get("/api/leads/99"),
            await api.get("/api/nothing"),
            await api.post("/api/leads", {}),
            await api.call("PURGE", "/api/leads"),
        ]

    assert [answer.status_code for answer in answers] == [200, 404, 404, 422, 405]
    assert [numbers(answer)[:2] for answer in answers] == [(5, 4), (5, 3), (5, 2), (5, 1), (5, 0)]
    assert all(0 < numbers(answer)[2] <= HOUR for answer in answers)


async def test_one_request_more_than_the_limit_is_refused_in_the_envelope(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(2, HOUR)) as api:
        statuses = [(await api.get("/api/leads")).status_code for _ in range(2)]
        refused = [await api.get("/api/leads"), await api.post("/api/leads", {}), await api.get("/api/nothing")]

    assert statuses == [200, 200]
    for answer in refused:
        assert answer.status_code == 429
        assert_enveloped(answer)
        assert list(answer.json()) == ["message"]
        assert numbers(answer)[:2] == (2, 0)
        assert answer.headers["Retry-After"] == answer.headers["RateLimit-Reset"]


async def test_a_refused_request_does_nothing(serve: Serve, database: Database) -> None:
    async with serve(rate_limit=RateLimit(1, HOUR)) as api:
        await api.lead()
        answer = await api.post("/api/leads", {"lead_title": "B", "lead_status": 1, "lead_categoryid": 3})

    assert answer.status_code == 429
    assert await database["leads"].count_documents({}) == 1


async def test_each_key_has_a_limit_of_its_own(serve: Serve, database: Database) -> None:
    async with serve(rate_limit=RateLimit(1, HOUR)) as api:
        keys = KeyStore(database, Ids(database))
        texts = [(await keys.create(f"key {number}", user=1))[1] for number in range(2)]

        async def status(text: str) -> int:
            return (await api.http.get("/api/leads", headers={"Authorization": f"Bearer {text}"})).status_code

        first = [(await api.get("/api/leads")).status_code, *[await status(text) for text in texts]]
        second = [(await api.get("/api/leads")).status_code, *[await status(text) for text in texts]]

    assert first == [200, 200, 200]
    assert second == [429, 429, 429]


async def test_requests_without_a_good_key_use_nothing_up(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(1, HOUR)) as api:
        for _ in range(5):
            assert (await api.http.get("/api/leads")).status_code == 401
            assert (await api.http.get("/api/leads", headers={"Authorization": "Bearer x"})).status_code == 401

        assert (await api.get("/api/leads")).status_code == 200


async def test_what_is_outside_the_api_is_not_limited(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(1, HOUR)) as api:
        for _ in range(5):
            assert (await api.get("/health/ready")).status_code == 200

        assert (await api.get("/api/leads")).status_code == 200


async def test_after_the_window_requests_are_taken_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1000.0
    monkeypatch.setattr("leads_api.http.rate_limit.monotonic", lambda: moment)
    async with serve(rate_limit=RateLimit(1, 60)) as api:
        first = await api.get("/api/leads")
        moment += 59.0
        within = await api.get("/api/leads")
        moment += 1.0
        after = await api.get("/api/leads")

    assert [answer.status_code for answer in (first, within, after)] == [200, 429, 200]
    assert (first.headers["RateLimit-Reset"], within.headers["Retry-After"]) == ("60", "1")
    assert numbers(after) == (1, 0, 60)
