"""`GET /metrics`: what one process tells of its requests (contract, section 5, end; docs/metrics.md)."""

import asyncio
import re
from collections import Counter

import httpx
import pytest

from leads_api.asgi import create_app
from leads_api.http import admission
from leads_api.mongo.client import Database
from leads_api.settings import Settings
from tests.api.endpoints import ENDPOINTS
from tests.api.raw import send_raw
from tests.client import KEY, Api
from tests.conftest import Serve
from tests.metrics import Metrics, scraped

REQUESTS = "leads_http_request_duration_seconds_count"


@pytest.fixture
async def before(api: Api) -> Metrics:
    """What was counted before: metrics belong to the process, which has run other tests."""
    return await scraped(api.http)


async def counted(api: Api, before: Metrics, **labels: str) -> float:
    return (await scraped(api.http)).value(REQUESTS, **labels) - before.value(REQUESTS, **labels)


async def test_it_is_text_that_prometheus_reads_without_a_key(api: Api) -> None:
    answer = await api.http.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "leads_build_info" in Metrics(answer.text).families


@pytest.mark.parametrize("header", ["Bearer wrong", f"Bearer {KEY}"])
async def test_a_key_changes_nothing(api: Api, header: str) -> None:
    assert (await api.http.get("/metrics", headers={"Authorization": header})).status_code == 200


async def test_a_trailing_slash_and_a_path_prefix_change_nothing(serve: Serve) -> None:
    async with serve(root_path="/crm") as api:
        for path in ("/metrics", "/metrics/", "/crm/metrics", "/crm/metrics/"):
            assert (await api.http.get(path)).status_code == 200


async def test_every_request_counts_by_route_method_and_status(api: Api, ids: dict[str, int]) -> None:
    def by_endpoint(metrics: Metrics) -> Counter[tuple[str, str, str]]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for labels, value in metrics.samples(REQUESTS):
            route = re.sub(r"\{\w+\}", "{}", labels["route"])
            counts[route, labels["method"], labels["status"]] += round(value)
        return counts

    known = by_endpoint(await scraped(api.http))
    for endpoint in ENDPOINTS:
        await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))

    found = by_endpoint(await scraped(api.http)) - known
    del found["/metrics", "GET", "200"]
    assert found == Counter(
        (re.sub(r"\{\w+\}", "{}", endpoint.path), endpoint.method, str(endpoint.status)) for endpoint in ENDPOINTS
    )


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/leads/77", "/api/leads/{lead_id}", "404"),
        ("HEAD", "/api/leads", "/api/leads", "200"),
        ("OPTIONS", "/api/leads/", "/api/leads", "204"),
        ("DELETE", "/api/leads", "/api/leads", "405"),
        ("GET", "/api/leads?limit=none", "/api/leads", "422"),
        ("GET", "/api/leads/secret-name", "unknown", "404"),
        ("GET", "/nothing/4711", "unknown", "404"),
        ("GET", "/health/live", "/health/live", "200"),
    ],
)
async def test_what_was_refused_counts_as_well(api: Api, method: str, path: str, route: str, status: str) -> None:
    before = await scraped(api.http)

    await api.call(method, path)

    assert await counted(api, before, route=route, method=method, status=status) == 1


async def test_without_a_key_the_route_counts_too(api: Api, before: Metrics) -> None:
    await api.http.get("/api/leads/77")

    assert await counted(api, before, route="/api/leads/{lead_id}", status="401") == 1


async def test_callers_can_make_up_no_labels(api: Api, before: Metrics) -> None:
    for made_up in ("PURGE", "X" * 100, "GET1"):
        for path in (f"/{made_up}", f"/api/{made_up}", f"/api/leads/{made_up}", "/api/leads/471147114711"):
            await send_raw(api, made_up, path)
    await api.call("GET", "/api/leads/471147114711", headers={"X-Request-ID": "made-up"})

    after = await scraped(api.http)
    assert after.value(REQUESTS, method="other") == before.value(REQUESTS, method="other") + 12
    text = (await api.http.get("/metrics")).text
    for word in ("PURGE", "XXXX", "GET1", "471147114711", "made-up"):
        assert word not in text


async def test_durations_are_in_seconds(api: Api, before: Metrics) -> None:
    await api.get("/api/leads")

    name = "leads_http_request_duration_seconds_sum"
    took = (await scraped(api.http)).value(name, route="/api/leads") - before.value(name, route="/api/leads")
    assert 0 < took < 20


async def test_requests_in_progress_show(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> None:
        begun.set()
        await go_on.wait()

    monkeypatch.setattr("leads_api.leads.store.LeadStore.get", slow)
    request = asyncio.create_task(api.get("/api/leads/1"))
    await begun.wait()

    # The request for the metrics itself is one.
    assert (await scraped(api.http)).value("leads_http_requests_in_progress") == 2
    go_on.set()
    await request
    assert (await scraped(api.http)).value("leads_http_requests_in_progress") == 1


async def test_refusals_by_admission_show_and_the_metrics_are_not_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api:  # of its own: it remembers the limit for a while
        before = await scraped(api.http)
        monkeypatch.setattr(admission, "MAX_AT_ONCE", 0)

        refused = await api.get("/api/leads")

        assert refused.status_code == 503
        after = await scraped(api.http)
        name = "leads_http_admission_refused_total"
        assert after.value(name) == before.value(name) + 1
        assert after.value("leads_http_admission_limit") == 0
        assert await counted(api, before, route="/api/leads", status="503") == 1


async def test_they_are_answered_before_the_database_is_reached(database: Database) -> None:
    app = create_app(Settings(api_key=KEY, mongodb_database=database.name), mongo=database.client)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
    async with httpx.AsyncClient(transport=transport, base_url="http://leads.test") as http:
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/metrics")).status_code == 200


async def test_conversions_count_when_they_are_committed(api: Api, before: Metrics) -> None:
    name = "leads_conversions_total"
    lead = await api.lead()
    await api.client(lead["id"])
    again = {"first_name": "Jane", "last_name": "Doe", "email": "other@acme.example"}
    assert (await api.post(f"/api/leads/{lead['id']}/convert", again)).status_code == 409

    other = await api.lead()
    body = {"first_name": "Jane", "last_name": "Doe", "email": "third@acme.example"}
    for _ in range(2):
        answer = await api.post(f"/api/leads/{other['id']}/convert", body, headers={"Idempotency-Key": "convert-once"})
        assert answer.status_code == 201

    assert (await scraped(api.http)).value(name) == before.value(name) + 2


async def test_requests_that_share_a_call_show_as_a_batch(api: Api, before: Metrics) -> None:
    leads = [await api.lead() for _ in range(3)]
    await asyncio.gather(*(api.get(f"/api/leads/{lead['id']}") for lead in leads))

    after = await scraped(api.http)
    for queue, members in (("lead_inserts", 3), ("lead_reads", 3)):
        for name in ("leads_batch_size_sum", "leads_queue_wait_seconds_count"):
            assert after.value(name, queue=queue) - before.value(name, queue=queue) == members
    calls = after.value("leads_batch_size_count", queue="lead_reads")
    assert 1 <= calls - before.value("leads_batch_size_count", queue="lead_reads") <= 3


async def test_who_waits_shows_in_the_length_of_the_queue(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> list[object]:
        begun.set()
        await go_on.wait()
        raise RuntimeError

    monkeypatch.setattr("leads_api.leads.store.LeadStore._find_all", slow)
    async with serve() as api:
        first = asyncio.create_task(api.get("/api/leads/1"))
        await begun.wait()
        others = [asyncio.create_task(api.get(f"/api/leads/{n}")) for n in (2, 3)]

        async def length() -> float:
            return (await scraped(api.http)).value("leads_queue_length", queue="lead_reads")

        async with asyncio.timeout(20):
            while await length() != 2:  # noqa: ASYNC110 - HTTP knows no event
                await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)
        assert await length() == 0


async def test_refreshes_of_the_settings_show_by_what_they_found(serve: Serve) -> None:
    async with serve(cache_seconds=0) as api:
        before = await scraped(api.http)
        await api.get("/api/lead-statuses")
        await api.status("Negotiation")
        lead = await api.lead()
        await api.get(f"/api/leads/{lead['id']}")
        after = await scraped(api.http)

    name = "leads_catalog_refreshes_total"
    for outcome in ("changed", "unchanged"):
        assert after.value(name, outcome=outcome) > before.value(name, outcome=outcome)


async def test_the_event_loop_s_lag_and_the_build_show(api: Api) -> None:
    found = await scraped(api.http)

    ((labels, value),) = found.samples("leads_build_info")
    assert labels.keys() == {"version", "python", "driver"}
    assert value == 1
    assert found.value("leads_processes") == 1
    assert "leads_event_loop_lag_seconds" in found.families
