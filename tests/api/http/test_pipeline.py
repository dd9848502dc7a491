"""What holds on every answer: the request id, the envelope of unforeseen faults (contract, sections 1 and 5)."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from leads_api.catalog.cache import Catalog
from leads_api.http import admission
from leads_api.leads.pages import LeadPages
from leads_api.leads.store import LeadStore
from leads_api.settings import RateLimit
from tests.api.endpoints import ENDPOINTS
from tests.api.envelope import assert_enveloped
from tests.client import KEY, Api
from tests.conftest import Serve

SECRET = "the-password-of-the-database"
ANSWERS = [
    (200, "GET", "/api/leads"), (200, "GET", "/"), (200, "GET", "/health/live"), (200, "GET", "/docs"),
    (200, "GET", "/openapi.json"), (200, "HEAD", "/api/leads"), (204, "OPTIONS", "/api/leads"),
    (404, "GET", "/nothing"), (404, "GET", "/api/nothing"), (404, "GET", "/api/leads/987654321"),
    (405, "PURGE", "/api/leads"), (405, "POST", "/"),
    (422, "GET", "/api/leads?foo=1"), (422, "POST", "/api/leads"), (409, "DELETE", "/api/lead-statuses/1"),
]  # fmt: skip


async def sent(api: Api, method: str, path: str, identity: str | None) -> httpx.Response:
    return await api.call(method, path, headers={} if identity is None else {"X-Request-ID": identity})


@pytest.mark.parametrize(("status", "method", "path"), ANSWERS)
async def test_the_request_id_of_the_caller_comes_back(shared: Api, status: int, method: str, path: str) -> None:
    answer = await sent(shared, method, path, "req-0123.abc_DEF")

    assert answer.status_code == status
    assert answer.headers.get_list("X-Request-ID") == ["req-0123.abc_DEF"]


async def test_without_one_each_request_gets_an_id_of_its_own(shared: Api) -> None:
    identities = [(await sent(shared, method, path, None)).headers["X-Request-ID"] for _, method, path in ANSWERS]

    assert len(set(identities)) == len(identities)
    assert all(identity.isascii() and len(identity) >= 16 for identity in identities)


@pytest.mark.parametrize(
    "harmful", ["", " ", "a b", "a\tb", 'a"b', "<script>", "x" * 1000, "\xe9", "{}", "a\x7fb", "a,b"]
)
async def test_a_request_id_that_could_do_harm_is_replaced(shared: Api, harmful: str) -> None:
    headers: Any = [(b"Authorization", f"Bearer {KEY}".encode()), (b"X-Request-ID", harmful.encode("latin-1"))]

    answer = await shared.http.get("/api/leads", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["X-Request-ID"] not in {harmful, ""}


async def test_answers_of_401_413_415_400_and_429_carry_the_request_id_too(serve: Serve) -> None:
    identity = {"X-Request-ID": "mine"}
    async with serve(max_body_bytes=1024, rate_limit=RateLimit(3, 60)) as api:
        answers = [
            await api.http.get("/api/leads", headers=identity),
            await api.post("/api/leads", content=b" " * 2000, headers=identity),
            await api.post("/api/leads", content=b"x", headers=identity | {"Content-Type": "text/plain"}),
            await api.post("/api/leads", content=b"{", headers=identity | {"Content-Type": "application/json"}),
            await api.get("/api/leads"),
            await api.post("/api/leads", headers=identity),
        ]

    del answers[4]
    assert [answer.status_code for answer in answers] == [401, 413, 415, 400, 429]
    assert [answer.headers["X-Request-ID"] for answer in answers] == ["mine"] * 5


async def test_every_answer_of_the_api_says_what_it_is(api: Api, ids: dict[str, int]) -> None:
    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))
        assert answer.headers["Content-Type"] == "application/json"
        assert int(answer.headers["Content-Length"]) == len(answer.content)


def failing(*_: object, **__: object) -> Any:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize(
    "place",
    [
        (LeadPages, "by_number", "GET", "/api/leads"),
        (LeadStore, "get", "HEAD", "/api/leads/1"),
        (LeadStore, "create", "POST", "/api/leads"),
        (Catalog, "statuses", "POST", "/api/leads"),
        (Catalog, "is_active", "GET", "/api/nothing"),
    ],
)
async def test_an_unforeseen_fault_is_a_500_that_tells_nothing_and_is_logged(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: tuple[type, str, str, str],
) -> None:
    owner, name, method, path = place
    monkeypatch.setattr(owner, name, failing)
    body = {"lead_title": "A", "lead_status": 1, "lead_categoryid": 3} if method == "POST" else None
    async with serve() as api:
        with caplog.at_level(logging.ERROR):
            answer = await api.call(method, path, body, headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == "mine"
    if method != "HEAD":
        assert_enveloped(answer)
        assert list(answer.json()) == ["message"]
    for trace in (SECRET, "RuntimeError", "Traceback", ".py", "failing"):
        assert trace not in answer.text
        assert trace not in str(answer.headers)
    assert any(record.exc_info and SECRET in str(record.exc_info[1]) for record in caplog.records)


async def test_the_service_answers_on_after_an_unforeseen_fault(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as api:
        with monkeypatch.context() as patch:
            patch.setattr(LeadPages, "by_number", failing)
            assert (await api.get("/api/leads")).status_code == 500

        assert (await api.get("/api/leads")).status_code == 200


async def test_a_request_that_never_ends_is_given_up_in_the_envelope(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(LeadPages, "by_number", hanging)
    async with serve(request_timeout=0.5) as api:
        answer = await asyncio.wait_for(api.get("/api/leads"), 10)

    assert answer.status_code == 503
    assert_enveloped(answer)
    assert int(answer.headers["Retry-After"]) >= 1


async def test_when_answers_take_long_newcomers_are_refused_at_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, page = asyncio.Event(), LeadPages.by_number

    async def waiting(*given: Any) -> Any:
        await go_on.wait()
        return await page(*given)

    monkeypatch.setattr(LeadPages, "by_number", waiting)
    for name, value in {"LEAST_AT_ONCE": 1, "PROBES": 0, "_SHARE": 0}.items():  # any answer takes too long
        monkeypatch.setattr(admission, name, value)
    async with serve() as api, asyncio.timeout(120):
        first = asyncio.create_task(api.get("/api/leads"))
        while (refused := await api.get("/api/lead-statuses/1")).status_code == 200:  # noqa: ASYNC110 - a timer does it
            await asyncio.sleep(0.01)
        in_progress = not first.done()
        go_on.set()

        assert in_progress
        assert refused.status_code == 503
        assert_enveloped(refused)
        assert refused.headers["Retry-After"] == "1"
        assert (await first).status_code == 200


async def test_beyond_what_can_be_under_way_at_once_callers_are_asked_to_come_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, go_on = asyncio.Event(), asyncio.Event()
    page = LeadPages.by_number

    async def waiting(*given: Any) -> Any:
        hanging.set()
        await go_on.wait()
        return await page(*given)

    monkeypatch.setattr(LeadPages, "by_number", waiting)
    monkeypatch.setattr(admission, "MAX_AT_ONCE", 1)
    async with serve() as api:
        first = asyncio.create_task(api.get("/api/leads"))
        await asyncio.wait_for(hanging.wait(), 10)

        refused, lives = await api.get("/api/leads"), await api.get("/health/live")

        go_on.set()
        assert refused.status_code == 503
        assert_enveloped(refused)
        assert int(refused.headers["Retry-After"]) >= 1
        assert lives.status_code == 200
        assert (await first).status_code == 200
        assert (await api.get("/api/leads")).status_code == 200
