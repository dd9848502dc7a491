"""Spans by OpenTelemetry: of each request and each database command (docs/operations.md, "Traces")."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from leads_api.asgi import create_app
from leads_api.mongo.client import Client
from leads_api.settings import Settings
from leads_api.telemetry import spans
from tests.client import KEY, Api
from tests.conftest import PATIENCE
from tests.conftest import running as running_in_process
from tests.simulators.collector import Collector
from tests.wire.process import environment, running, until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARY = "canary7f3a"


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(provider)
    yield exporter
    spans.tracing = None


@pytest.fixture
async def api(kept: InMemorySpanExporter, given: dict[str, str], request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """The API in process, with a client of its own, whose commands are recorded."""
    settings = Settings(
        api_key=KEY,
        mongodb_uri=given["LEADS_MONGODB_URI"],
        mongodb_database=given["LEADS_MONGODB_DATABASE"],
        mongodb_driver=request.config.getoption("--driver"),
        request_timeout=PATIENCE,
    )
    app = create_app(settings)
    async with running_in_process(app):
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
        async with httpx.AsyncClient(transport=transport, base_url="http://leads.test") as http:
            api = Api(http)

            async def ready() -> bool:
                return (await http.get("/health/ready")).status_code == 200

            await until(ready, "the service is ready")
            kept.clear()
            yield api


def of_kind(kept: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in kept.get_finished_spans() if span.kind == kind]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_request_is_a_span_with_its_route_and_status(api: Api, kept: InMemorySpanExporter) -> None:
    await api.call("GET", f"/api/leads/77?search={CANARY}", headers={"X-Request-ID": "of-this-one"})

    (span,) = of_kind(kept, SpanKind.SERVER)
    assert span.name == "GET /api/leads/{lead_id}"
    assert attributes(span) == {
        "http.request.method": "GET", "http.route": "/api/leads/{lead_id}", "http.response.status_code": 422,
        "leads.request_id": "of-this-one",
    }  # fmt: skip
    assert span.status.status_code == StatusCode.UNSET


async def test_the_trace_of_the_caller_goes_on(api: Api, kept: InMemorySpanExporter) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    await api.call("GET", "/api/leads/77", headers=headers)

    (span,) = of_kind(kept, SpanKind.SERVER)
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert span.context.trace_state.get("vendor") == "1"


async def test_what_the_caller_does_not_sample_is_not_recorded(api: Api, kept: InMemorySpanExporter) -> None:
    await api.call("GET", "/api/leads/77", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})

    assert kept.get_finished_spans() == ()


async def test_each_database_command_is_a_span_below_that_of_its_request(api: Api, kept: InMemorySpanExporter) -> None:
    lead = await api.lead(lead_title=CANARY)
    kept.clear()
    await api.patch(f"/api/leads/{lead['id']}", {"lead_title": f"{CANARY} Inc"})

    (request,) = of_kind(kept, SpanKind.SERVER)
    commands = of_kind(kept, SpanKind.CLIENT)
    assert "findAndModify leads" in {span.name for span in commands} or "update leads" in {s.name for s in commands}
    for span in commands:
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        found = attributes(span)
        assert found["db.system.name"] == "mongodb"
        assert found["db.operation.name"] in span.name
        assert found["server.address"] == "127.0.0.1"
        assert CANARY not in str(found)


async def test_a_command_that_requests_share_is_below_one_and_linked_to_the_others(
    api: Api, kept: InMemorySpanExporter
) -> None:
    leads = [await api.lead() for _ in range(8)]
    kept.clear()
    await asyncio.gather(*(api.get(f"/api/leads/{lead['id']}") for lead in leads))

    finds = [span for span in of_kind(kept, SpanKind.CLIENT) if span.name == "find leads"]
    served = [span.parent.span_id for span in finds if span.parent]
    served += [link.context.span_id for span in finds for link in span.links]
    assert sorted(served) == sorted(span.context.span_id for span in of_kind(kept, SpanKind.SERVER))
    assert len(finds) < len(leads)


async def test_commands_in_a_transaction_belong_to_its_request(api: Api, kept: InMemorySpanExporter) -> None:
    lead = await api.lead()
    kept.clear()
    await api.client(lead["id"])

    (request,) = of_kind(kept, SpanKind.SERVER)
    below = {span.name for span in of_kind(kept, SpanKind.CLIENT) if span.parent.span_id == request.context.span_id}  # type: ignore[union-attr]
    assert {"insert clients", "insert users", "commitTransaction"} <= below


async def test_background_work_has_no_spans(api: Api, kept: InMemorySpanExporter) -> None:
    await asyncio.sleep(0)
    assert kept.get_finished_spans() == ()


async def test_a_failure_marks_the_spans_without_its_text(
    api: Api, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("leads_api.leads.store.LeadStore.get", fail)
    await api.get("/api/leads/1")

    (span,) = of_kind(kept, SpanKind.SERVER)
    assert span.status.status_code == StatusCode.ERROR
    assert CANARY not in span.to_json()


async def test_a_log_line_and_a_mail_have_the_trace_of_the_span(
    api: Api, kept: InMemorySpanExporter, wire_client: Client, given: dict[str, str]
) -> None:
    lead = await api.lead()
    kept.clear()
    await api.client(lead["id"], send_welcome_email="yes")

    (span,) = of_kind(kept, SpanKind.SERVER)
    mail = await wire_client[given["LEADS_MONGODB_DATABASE"]]["mails"].find_one({})
    assert mail is not None
    assert (
        mail["traceparent"]
        == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"
    )


async def test_a_service_sends_its_spans_by_otlp(tmp_path: Path, given: dict[str, str]) -> None:
    async with Collector() as collector:
        settings = given | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "crm-leads"}
        async with running(tmp_path, given=settings, LEADS_ACCESS_LOG="yes") as service:
            await service.api.call("GET", "/api/leads", headers={"X-Request-ID": "of-this-one"})
            assert await service.end() == 0
        (line,) = [line for line in service.lines if line.get("request_id") == "of-this-one"]

    (request,) = [span for span in collector.spans if span.name == "GET /api/leads"]
    commands = [span for span in collector.spans if span.parent_span_id == request.span_id]
    assert "find leads" in {span.name for span in commands}
    assert line["trace_id"] == request.trace_id.hex()
    assert {resource["service.name"] for resource in collector.resources} == {"crm-leads"}


async def test_a_collector_that_hangs_holds_neither_requests_nor_the_end(tmp_path: Path, given: dict[str, str]) -> None:
    async with Collector() as collector:
        collector.hangs = True
        async with running(tmp_path, given=given | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as service:
            assert (await service.api.get("/api/leads")).status_code == 200
            assert await service.end() == 0


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "console"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
async def test_what_is_not_supported_is_told_and_does_no_harm(
    tmp_path: Path, given: dict[str, str], variables: dict[str, str]
) -> None:
    async with running(tmp_path, given=given | variables) as service:
        assert (await service.api.get("/api/leads")).status_code == 200
        warned = [line["message"] for line in service.lines if line["logger"] == "leads.traces"]

    assert len(warned) == 1
    assert "by OTLP only" in warned[0]


MADE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry" and sys.argv[1] == "absent":
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
from leads_api.asgi import application
from leads_api.settings import Settings

application(Settings(mongodb_uri="mongodb://127.0.0.1:9/?replicaSet=rs0"))
print(*(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
"""
SOMEWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


async def made(extra: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Make the application in a process, with the extra installed or not."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", MADE, extra],
        env=environment(variables),
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize(
    "variables", [{}, {"OTEL_TRACES_EXPORTER": "none"} | SOMEWHERE, {"OTEL_SDK_DISABLED": "true"} | SOMEWHERE]
)
async def test_unless_it_is_configured_nothing_of_it_is_imported(variables: dict[str, str]) -> None:
    assert (await made("there", variables)).stdout.split() == []
    assert "opentelemetry.sdk.trace" in (await made("there", SOMEWHERE)).stdout.split()


async def test_without_the_extra_one_warning_says_so_if_it_is_configured() -> None:
    assert "otel" not in (await made("absent", {})).stderr
    assert (await made("absent", SOMEWHERE)).stderr.count("install the extra `otel` of leads-api") == 1
