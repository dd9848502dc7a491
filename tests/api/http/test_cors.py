"""Browsers of other origins (contract, section 6, `LEADS_CORS_ORIGINS`; the Fetch standard)."""

import httpx
import pytest

from tests.client import Api
from tests.conftest import Serve

ORIGIN, OTHER = "https://crm.example", "https://evil.example"
ALLOW = "Access-Control-Allow-Origin"
ALLOWED = {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "x-request-id"}


async def preflight(api: Api, origin: str, path: str = "/api/leads", asked: str | None = None) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "X-Request-ID": "mine"}
    if asked is not None:
        headers["Access-Control-Request-Headers"] = asked
    return await api.http.options(path, headers=httpx.Headers(headers, encoding="latin-1"))


def allowed_headers(answer: httpx.Response) -> set[str]:
    return {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}


async def test_by_default_no_origin_is_allowed(api: Api) -> None:
    answer = await api.call("GET", "/api/leads", headers={"Origin": ORIGIN})

    assert answer.status_code == 200
    assert ALLOW not in answer.headers
    assert (await preflight(api, ORIGIN)).status_code == 401


async def test_a_preflight_of_an_allowed_origin_needs_no_key(serve: Serve) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        answer = await preflight(api, ORIGIN)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOW] == ORIGIN
    assert "origin" in answer.headers["Vary"].lower()
    assert {"POST", "PUT", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert allowed_headers(answer) == ALLOWED


@pytest.mark.parametrize(
    "asked",
    [
        "authorization,content-type,x-requested-with",
        "authorization, traceparent, tracestate",
        "authorization,baggage,sentry-trace",
        "Authorization, X-Datadog-Trace-Id, X-B3-TraceId, newrelic, elastic-apm-traceparent",
        "if-match, idempotency-key",
        ",".join(f"x-{n}" for n in range(64)),
    ],
)
@pytest.mark.parametrize("origins", [(ORIGIN,), ("*",)])
async def test_a_preflight_allows_the_headers_that_it_asks_for(
    serve: Serve, asked: str, origins: tuple[str, ...]
) -> None:
    async with serve(cors_origins=origins) as api:
        answer = await preflight(api, ORIGIN, asked=asked)

    assert answer.status_code == 204
    assert allowed_headers(answer) == {name.strip().lower() for name in asked.split(",")}
    assert "access-control-request-headers" in answer.headers["Vary"].lower()


@pytest.mark.parametrize(
    "asked",
    ["", "a b", "x-a;y", "x-\xe4", "x-a,,x-b", "x" * 101, ",".join(f"x-{n}" for n in range(65))],
)
async def test_what_is_no_short_list_of_header_names_is_not_repeated(serve: Serve, asked: str) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        answer = await preflight(api, ORIGIN, asked=asked)

    assert answer.status_code == 204
    assert allowed_headers(answer) == ALLOWED


async def test_a_preflight_carries_a_request_id_like_every_answer(serve: Serve) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        answer = await preflight(api, ORIGIN)

    assert answer.headers["X-Request-ID"] == "mine"


@pytest.mark.parametrize(
    "origin", [OTHER, f"{ORIGIN}.evil.example", "http://crm.example", f"{ORIGIN}:8443", "null", "*"]
)
async def test_another_origin_is_told_nothing(serve: Serve, origin: str) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        first = await preflight(api, origin)
        answer = await api.call("GET", "/api/leads", headers={"Origin": origin})

    assert first.status_code == 401
    assert not [name for name in [*first.headers, *answer.headers] if name.startswith("access-control-")]


async def test_answers_and_errors_can_be_read_by_an_allowed_origin(serve: Serve) -> None:
    async with serve(cors_origins=("https://a.example", ORIGIN)) as api:
        headers = {"Origin": ORIGIN}
        answers = [
            await api.call("GET", "/api/leads", headers=headers),
            await api.call("GET", "/api/leads?foo=1", headers=headers),
            await api.call("GET", "/api/nothing", headers=headers),
            await api.http.get("/api/leads", headers=headers),
        ]

    assert [answer.status_code for answer in answers] == [200, 422, 404, 401]
    for answer in answers:
        assert answer.headers.get_list(ALLOW) == [ORIGIN]
        exposed = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {
            "etag", "x-request-id", "location", "link", "retry-after", "ratelimit", "ratelimit-policy",
            "idempotency-replayed",
        }  # fmt: skip
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_star_allows_every_origin(serve: Serve) -> None:
    async with serve(cors_origins=("*",)) as api:
        assert (await preflight(api, OTHER)).headers[ALLOW] == "*"
        assert (await api.call("GET", "/api/leads", headers={"Origin": OTHER})).headers[ALLOW] == "*"


async def test_without_an_origin_nothing_of_it_is_said_and_options_is_plain(serve: Serve) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        answer = await api.get("/api/leads")
        options = await api.call("OPTIONS", "/api/leads", headers={"Origin": ORIGIN})

    assert ALLOW not in answer.headers
    assert options.status_code == 204
    assert "GET" in options.headers["Allow"]


async def test_an_answer_that_depends_on_the_origin_says_so_to_caches(serve: Serve) -> None:
    async with serve(cors_origins=(ORIGIN,)) as api:
        for headers in ({}, {"Origin": ORIGIN}, {"Origin": OTHER}):
            answer = await api.call("GET", "/api/leads", headers=headers)
            assert "origin" in answer.headers.get("Vary", "").lower()
