"""The rate limit per key (contract, section 5; section 6, `LEADS_RATE_LIMIT`)."""

import re

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


class Clock:
    """The clock of the rate limit, which stands still until it is advanced."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000_000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("leads_api.http.rate_limit.monotonic_ns", clock)
    return clock


def left(answer: httpx.Response) -> tuple[int, int]:
    """Return how many requests remain, and the seconds to the next window."""
    match = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert match, answer.headers["RateLimit"]
    return int(match[1]), int(match[2])


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
    assert [left(answer)[0] for answer in answers] == [4, 3, 2, 1, 0]
    assert all(0 < left(answer)[1] <= HOUR for answer in answers)
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"default";q=5;w={HOUR}'}


async def test_the_headers_of_older_drafts_are_not_sent(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(1, HOUR)) as api:
        answers = [await api.get("/api/leads"), await api.get("/api/leads")]

    assert [answer.status_code for answer in answers] == [200, 429]
    for answer in answers:
        names = {name for name in answer.headers if "ratelimit" in name}
        assert names == {"ratelimit", "ratelimit-policy"}


async def test_one_request_more_than_the_limit_is_refused_in_the_envelope(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(2, HOUR)) as api:
        statuses = [(await api.get("/api/leads")).status_code for _ in range(2)]
        refused = [await api.get("/api/leads"), await api.post("/api/leads", {}), await api.get("/api/nothing")]

    assert statuses == [200, 200]
    for answer in refused:
        assert answer.status_code == 429
        assert_enveloped(answer)
        assert list(answer.json()) == ["message"]
        assert left(answer) == (0, int(answer.headers["Retry-After"]))


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


async def test_after_the_window_requests_are_taken_again(serve: Serve, clock: Clock) -> None:
    async with serve(rate_limit=RateLimit(1, 60)) as api:
        first = await api.get("/api/leads")
        clock.advance(59.0)
        within = await api.get("/api/leads")
        clock.advance(1.0)
        after = await api.get("/api/leads")

    assert [answer.status_code for answer in (first, within, after)] == [200, 429, 200]
    assert [left(answer) for answer in (first, within, after)] == [(0, 60), (0, 1), (0, 60)]
    assert within.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("passed", "told"), [(0.0001, 60), (0.4, 60), (0.6, 60), (58.6, 2), (59.4, 1), (59.9999, 1)])
async def test_who_waits_as_long_as_retry_after_says_is_not_refused_again(
    serve: Serve, clock: Clock, passed: float, told: int
) -> None:
    async with serve(rate_limit=RateLimit(1, 60)) as api:
        await api.get("/api/leads")
        clock.advance(passed)
        refused = await api.get("/api/leads")
        clock.advance(told)
        after = await api.get("/api/leads")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(told))
    assert after.status_code == 200
