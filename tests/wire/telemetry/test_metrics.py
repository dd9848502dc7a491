"""`/metrics` of real processes: what docs/metrics.md lists, several workers, a database that is away."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY, Api
from tests.metrics import Metrics, scraped
from tests.simulators.network import Network
from tests.wire.process import Service, running, until
from tests.wire.test_workers import stopped, two_started, workers

REQUESTS = "leads_http_request_duration_seconds_count"
DOCUMENT = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(leads_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


async def busy(api: Api) -> None:
    """Do something of everything."""
    lead = await api.lead()
    await api.get("/api/leads")
    await api.patch(f"/api/leads/{lead['id']}", {"lead_title": "Acme Inc"})
    await api.client(lead["id"], send_welcome_email="yes")


async def test_the_document_lists_every_metric_with_its_type_and_labels(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path, given=given) as service:
        await busy(service.api)
        found = await scraped(service.http)

    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(DOCUMENT)}
    shown = {
        name: (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
        for name, family in found.families.items()
    }
    assert {name: kind for name, (kind, _) in shown.items()} == {name: kind for name, (kind, _) in listed.items()}
    for name, (_, labels) in shown.items():
        assert labels in (listed[name][1], set()), name  # no labels: nothing has happened yet
    queues = set(re.findall(r"`(\w+)`", DOCUMENT.split("| What waits |")[1].split("\n\n")[0]))
    assert found.values("leads_queue_wait_seconds_count", "queue") <= queues
    assert found.values("leads_batch_size_count", "queue") <= queues


async def test_commands_and_connections_are_those_of_the_driver(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path, given=given) as service:
        before = await scraped(service.http)
        await busy(service.api)
        after = await scraped(service.http)

    name = "leads_mongodb_command_duration_seconds_count"
    for command in ("insert", "find", "update", "commitTransaction"):
        at = {"command": command, "outcome": "succeeded"}
        assert after.value(name, **at) > before.value(name, **at), command
    assert after.value("leads_mongodb_command_duration_seconds_sum") > 0
    assert 1 <= after.value("leads_mongodb_connections_open") <= 70
    assert after.value("leads_mongodb_connections_created_total") >= after.value("leads_mongodb_connections_open")
    assert 0 <= after.value("leads_mongodb_connections_in_use") <= 64
    assert after.value("leads_mongodb_checkout_failures_total") == 0
    assert after.value("leads_transactions_total", outcome="committed") == 1


async def test_a_database_that_is_away_does_not_hold_them(
    tmp_path: Path, server_uri: str, given: dict[str, str]
) -> None:
    async with Network(server_uri) as network:
        given = given | {"LEADS_MONGODB_URI": network.uri, "LEADS_REQUEST_TIMEOUT": "2"}
        async with running(tmp_path, given=given) as service:
            with network.black_hole():
                await service.until(503)
                before = await scraped(service.http)
                assert (await service.api.get("/api/leads")).status_code == 503
                after = await scraped(service.http)

    at = {"route": "/api/leads", "status": "503"}
    assert after.value(REQUESTS, **at) == before.value(REQUESTS, **at) + 1


async def test_mails_that_wait_grow_older_and_dead_ones_are_counted(
    tmp_path: Path, given: dict[str, str], wire_client: Client
) -> None:
    mails = wire_client[given["LEADS_MONGODB_DATABASE"]]["mails"]
    async with running(tmp_path / "1", given=given) as service:
        await service.api.client((await service.api.lead())["id"], send_welcome_email="yes")
        found = await mails.find_one({})
        assert found is not None
        await mails.insert_many([{**found, "_id": n, "status": "dead"} for n in (1, 2)])

    async with running(tmp_path / "2", given=given) as service:

        async def known() -> bool:
            return (await scraped(service.http)).value("leads_mails_oldest_age_seconds") > 0

        await until(known, "the age of the mail")
        first, second = await scraped(service.http), await scraped(service.http)

    assert first.value("leads_mails_dead") == 2
    ages = [metrics.value("leads_mails_oldest_age_seconds") for metrics in (first, second)]
    assert 0 < ages[0] < ages[1]


async def test_the_relay_deliveries_and_disabled_webhooks_show(
    tmp_path: Path, given: dict[str, str], wire_client: Client
) -> None:
    database = wire_client[given["LEADS_MONGODB_DATABASE"]]
    deliveries = [{"_id": n, "webhook": 9, "status": "failed"} for n in (1, 2)]
    await database["webhook_deliveries"].insert_many([*deliveries, {"_id": 3, "webhook": 9, "status": "delivered"}])
    await database["webhooks"].insert_one({"_id": 9, "status": "disabled"})

    async with running(tmp_path, given=given) as service:

        async def known() -> bool:
            metrics = await scraped(service.http)
            return (
                metrics.value("leads_webhooks_disabled") > 0 and metrics.value("leads_events_relay_silence_seconds") > 0
            )

        await until(known, "the relay, and a webhook that is disabled")
        metrics = await scraped(service.http)

    assert metrics.value("leads_webhook_deliveries", status="failed") == 2
    assert metrics.value("leads_webhooks_disabled") == 1
    assert metrics.value("leads_events_gaps_total") == 0


async def asked(service: Service, path: str) -> httpx.Response:
    """Send a request over a connection of its own, which any worker may get."""
    async with httpx.AsyncClient(base_url=service.url, timeout=20) as http:
        return await http.get(path, headers={"Authorization": f"Bearer {KEY}"})


async def of_worker(service: Service, others: list[int], path: str) -> httpx.Response:
    """Send a request to one worker: the others are stopped."""
    for other in others:
        with stopped(other):
            return await asked(service, path)
    raise AssertionError


@pytest.fixture
async def two(tmp_path: Path, given: dict[str, str]) -> AsyncIterator[Service]:
    async with running(tmp_path, "--workers", "2", given=given) as service:
        await until(lambda: two_started(service), "two workers")
        yield service


def totals(metrics: Metrics) -> dict[tuple[object, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in metrics.families.values()
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


async def test_one_scrape_tells_of_all_workers_whichever_answers(two: Service) -> None:
    first, second = workers(two)
    for _ in range(3):
        await of_worker(two, [first], "/api/leads/77")
        await of_worker(two, [second], "/api/leads/77")

    at = {"route": "/api/leads/{lead_id}", "status": "404"}

    async def all_told() -> bool:
        found = [Metrics((await of_worker(two, [other], "/metrics")).text) for other in (first, second)]
        told = {(metrics.value("leads_processes"), metrics.value(REQUESTS, **at)) for metrics in found}
        return told == {(2, 6)}

    await until(all_told, "six requests")


async def test_totals_never_go_backwards_also_when_a_worker_is_killed(two: Service) -> None:
    first, second = workers(two)
    for _ in range(5):
        await of_worker(two, [second], "/api/leads/77")
    before = Metrics((await of_worker(two, [second], "/metrics")).text)  # by the first, about itself
    assert before.value(REQUESTS, route="/api/leads/{lead_id}") == 5

    os.kill(first, signal.SIGKILL)
    during = Metrics((await asked(two, "/metrics")).text)

    async def replaced() -> bool:
        return len(set(workers(two)) - {first, second}) == 1

    await until(replaced, "a new worker")
    await until(lambda: two_told(two), "the metrics of two workers")
    (third,) = set(workers(two)) - {second}
    afterwards = [Metrics((await of_worker(two, [other], "/metrics")).text) for other in (second, third)]

    for earlier, later in ((before, during), (during, afterwards[0]), (afterwards[0], afterwards[1])):
        known = totals(later)
        assert {name: value for name, value in totals(earlier).items() if known.get(name, 0) < value} == {}
    assert during.value("leads_processes") in {1, 2}


async def two_told(service: Service) -> bool:
    return Metrics((await asked(service, "/metrics")).text).value("leads_processes") == 2


async def test_workers_leave_no_file_behind(tmp_path: Path, given: dict[str, str]) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    async with running(tmp_path, "--workers", "2", given=given, TMPDIR=str(folder)) as service:
        await until(lambda: two_told(service), "the metrics of two workers")
        (private,) = folder.iterdir()
        assert private.stat().st_mode & 0o777 == 0o700
        await service.end()

    assert list(folder.iterdir()) == []


async def test_scrapes_at_once_are_all_answered(two: Service) -> None:
    answers = await asyncio.gather(*(asked(two, "/metrics") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
