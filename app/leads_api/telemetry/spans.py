"""Spans of requests and database commands, by OpenTelemetry (the extra `otel`).

They are recorded only if the standard variables `OTEL_*` say where to send them. Otherwise nothing of OpenTelemetry is
imported, and a request only finds that `tracing` is None.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from threading import Thread
from typing import Any

from leads_api.telemetry.traces import Trace

_END_SECONDS = 3.0
"""How long the end of the service waits until the last spans are sent."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_SERVER_ERROR = 500

_log = logging.getLogger("leads.traces")


class Tracing:
    """Records spans with a tracer provider of OpenTelemetry's SDK."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - only if spans are recorded

        self._provider = provider
        self._api = trace
        self._nothing = context.Context()
        self._tracer = provider.get_tracer("leads_api", version("leads-api"))

    def request(self, method: str, caller: Trace | None, state: str) -> Trace:
        """Begin the span of a request, and return its trace. `state` is the caller's `tracestate`."""
        context = self._nothing
        if caller is not None:
            remote = self._api.SpanContext(
                trace_id=int(caller.id, 16),
                span_id=int(caller.parent or "1", 16),
                is_remote=True,
                trace_flags=self._api.TraceFlags(caller.flags),
                trace_state=self._api.TraceState.from_header([state]),
            )
            context = self._api.set_span_in_context(self._api.NonRecordingSpan(remote), self._nothing)
        span = self._tracer.start_span(
            method, context, self._api.SpanKind.SERVER, attributes={"http.request.method": method}
        )
        own = span.get_span_context()
        return Trace(f"{own.trace_id:032x}", int(own.trace_flags), span=span)

    def answered(self, trace: Trace, name: str, attributes: Mapping[str, Any], status: int | None) -> None:
        """End the span of a request."""
        span = trace.span
        if span.is_recording():
            span.update_name(name)
            span.set_attributes({**attributes, "http.response.status_code": status or _SERVER_ERROR})
            if status is None or status >= _SERVER_ERROR:
                span.set_status(self._api.StatusCode.ERROR)
        span.end()

    def command(self, trace: Trace, name: str, attributes: Mapping[str, Any]) -> Any:
        """Begin the span of a database command of a request, or of several, and return it."""
        return self._tracer.start_span(
            name,
            self._api.set_span_in_context(trace.span, self._nothing),
            self._api.SpanKind.CLIENT,
            attributes=attributes,
            links=[self._api.Link(span.get_span_context()) for span in trace.links],
        )

    def failed(self, span: Any, error: str) -> None:
        """Mark a span as failed; `error` is a kind, without values."""
        span.set_attribute("error.type", error)
        span.set_status(self._api.StatusCode.ERROR)

    async def end(self) -> None:
        """Send the last spans. It takes a few seconds at most, also if nobody takes them."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(ended.set)

        # Not on a thread of a pool, which would hold the end of the process.
        Thread(target=shut_down, daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await ended.wait()


tracing: Tracing | None = None
"""What records the spans of this process; None if it records none."""


def configure(environ: Mapping[str, str]) -> None:
    """Record spans from now on if the environment says so (docs/operations.md, "Traces")."""
    exporter = environ.get(_EXPORTER, "").strip().lower()
    wanted = exporter or any(environ.get(name, "").strip() for name in _ENDPOINTS)
    if not wanted or exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    protocol = next((value for name in _PROTOCOLS if (value := environ.get(name, "").strip())), "http/protobuf")
    if exporter not in {"", "otlp"} or protocol != "http/protobuf":
        _log.warning("no spans are recorded: they can be sent by OTLP only, as http/protobuf")
        return
    try:
        provider = _provider()
    except ImportError:
        _log.warning("no spans are recorded: install the extra `otel` of leads-api")
        return
    use(provider)


def use(provider: Any) -> None:
    """Record spans with a tracer provider from now on."""
    global tracing  # noqa: PLW0603 - it belongs to the process
    tracing = Tracing(provider)


async def end() -> None:
    """Record no more spans, and send the last ones."""
    global tracing
    if tracing is not None:
        ending, tracing = tracing, None
        await ending.end()


def _provider() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({SERVICE_VERSION: version("leads-api")})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):  # nobody has named it
        resource = resource.merge(Resource({SERVICE_NAME: "leads"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
