"""Alerts and dashboard: their own tools' tests, the runbook, and every query asked of a running service's metrics."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import yaml

from bench.dashboard.picture import Line, draw, shown
from leads_api.mongo.client import Client
from tests.client import Api
from tests.deploy.processes import DEPLOY, free_port, running
from tests.programs import program
from tests.wire.process import running as running_service
from tests.wire.process import until

MONITORING = DEPLOY / "monitoring"
RULES = [
    rule for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule["expr"] for rule in RULES}
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
QUERIES = {
    f"{panel['title']}, {target['refId']}": target["expr"] for panel in PANELS for target in panel.get("targets", [])
}
PATIENCE = 60.0
"""Some gauges are read from the database, which is looked at every ten seconds."""
RUNBOOK = DEPLOY.parent / "docs" / "runbook.md"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yaml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "alerts_test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_to_come_and_not_to_come() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text())["tests"]
    cases = [(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test["alert_rule_test"]]

    assert {name for name, comes in cases if comes} == set(ALERTS)
    quiet = {name for name, comes in cases if not comes}
    partly = {  # one of several instances, queues or endpoints alone
        "LeadsProcessorBusy", "LeadsQueueLong", "LeadsDatabaseSlow",
    }  # fmt: skip
    assert quiet | partly == set(ALERTS)


def test_the_runbook_has_a_line_about_each_alert_which_names_it() -> None:
    titles = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)

    assert titles == list(ALERTS)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


@contextmanager
def prometheus(folder: Path, service: int) -> Iterator[str]:
    """Run Prometheus, which scrapes a service every second; give its URL."""
    port = free_port()
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [{"job_name": "leads", "static_configs": [{"targets": [f"127.0.0.1:{service}"]}]}],
            }
        )
    )
    command = [program("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    address = f"--web.listen-address=127.0.0.1:{port}"
    with running([*command, address], port, folder / "prometheus.log", dict(os.environ), folder):
        yield f"http://127.0.0.1:{port}"


class Prometheus:
    """Asks a Prometheus."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, query: str) -> list[object]:
        answer = await self._http.get("/api/v1/query", params={"query": query})
        assert answer.json()["status"] == "success", answer.text
        found: list[object] = answer.json()["data"]["result"]
        return found

    async def answers(self, *queries: str) -> bool:
        return all(await asyncio.gather(*(self.ask(filled_in(query)) for query in queries)))

    async def has_scraped(self, times: int) -> bool:
        return bool(await self.ask(f'count_over_time(up{{job="leads"}}[1h]) >= {times} and up{{job="leads"}} == 1'))


async def use(api: Api) -> None:
    """Do what the metrics tell of."""
    lead = await api.lead()
    await api.get("/api/leads", search="acme")
    await api.get(f"/api/leads/{lead['id']}")
    await api.patch(f"/api/leads/{lead['id']}", {"lead_value": "12.50"})
    await api.client(lead["id"])


async def test_every_query_of_the_dashboard_and_of_the_alerts_is_answered_from_the_services_own_metrics(
    server_uri: str, wire_client: Client, tmp_path: Path
) -> None:
    name = f"monitoring_{uuid4().hex[:20]}"
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name}
    try:
        async with running_service(tmp_path / "service", given=given) as service:
            with prometheus(tmp_path, service.port) as url:
                async with httpx.AsyncClient(base_url=url) as http:
                    asked = Prometheus(http)
                    await until(lambda: asked.has_scraped(1), "the first scrape")
                    await use(service.api)
                    await until(lambda: asked.has_scraped(4), "more scrapes")
                    metrics = (await service.http.get("/metrics")).text
                    with suppress(AssertionError):  # it is told below what is missing
                        await until(lambda: asked.answers(*QUERIES.values()), "all answers", PATIENCE)
                    shown = await asyncio.gather(*(asked.ask(filled_in(query)) for query in QUERIES.values()))
                    await asyncio.gather(*(asked.ask(query) for query in ALERTS.values()))
    finally:
        await wire_client.drop_database(name)

    assert [title for title, found in zip(QUERIES, shown, strict=True) if not found] == []
    known = {name for kind in ("counter", "gauge", "histogram") for name in names(metrics, kind)}
    for query in (*QUERIES.values(), *ALERTS.values()):
        assert set(re.findall(r"\bleads_\w+", query)) <= known


def test_the_picture_of_the_dashboard_has_every_panel_and_knows_its_unit(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(query: str) -> list[Line]:
        asked.append(query)
        return [({"instance": "a"}, [(0.0, 1.0), (0.5, float("nan")), (1.0, 1500.0)])]

    draw(PANELS, ask, tmp_path / "dashboard.png")

    assert asked == list(QUERIES.values())
    assert (tmp_path / "dashboard.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0"), (0.00025, "s", "250 µs"), (0.25, "s", "250 ms"), (90, "s", "90 s"), (600, "s", "10 min"),
        (0.125, "percentunit", "12.5 %"), (4000, "short", "4,000"), (2.5, "reqps", "2.5 req/s"), (1, "ops", "1 ops/s"),
    ],
)  # fmt: skip
def test_the_picture_shows_values_in_their_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def names(metrics: str, kind: str) -> set[str]:
    """Return the names of the series of all metrics of a kind."""
    found = re.findall(rf"^# TYPE (\w+) {kind}$", metrics, re.MULTILINE)
    parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
    return {name + part for name in found for part in parts}


def filled_in(query: str) -> str:
    """Return a query of the dashboard as Grafana sends it."""
    return query.replace("$instance", ".*").replace("$__rate_interval", "1m")
