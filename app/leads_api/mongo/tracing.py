"""Spans of the commands that are sent to the database for requests, as the driver tells them."""

from typing import Any

from pymongo.monitoring import CommandListener

from leads_api.telemetry import spans, traces


class CommandSpans(CommandListener):
    """Records a span for each command of a request. What goes on in the background has none."""

    def __init__(self) -> None:
        self._open: dict[tuple[Any, int], Any] = {}

    def started(self, event: Any) -> None:
        """Begin a span, without the command's values."""
        trace, tracing = traces.current.get(), spans.tracing
        if trace is None or trace.span is None or tracing is None:
            return
        collection = event.command.get(event.command_name)
        attributes = {
            "db.system.name": "mongodb",
            "db.namespace": event.database_name,
            "db.operation.name": event.command_name,
            "server.address": event.connection_id[0],
        }
        name = event.command_name
        if isinstance(collection, str):
            attributes["db.collection.name"] = collection
            name = f"{name} {collection}"
        if event.connection_id[1] is not None:
            attributes["server.port"] = event.connection_id[1]
        self._open[event.connection_id, event.request_id] = tracing.command(trace, name, attributes)

    def succeeded(self, event: Any) -> None:
        """End the span."""
        if (span := self._open.pop((event.connection_id, event.request_id), None)) is not None:
            span.end()

    def failed(self, event: Any) -> None:
        """End the span as failed, without the error's text."""
        if (span := self._open.pop((event.connection_id, event.request_id), None)) is None:
            return
        code = event.failure.get("code")
        if spans.tracing is not None:
            spans.tracing.failed(span, str(code or event.failure.get("errtype") or "error"))
        span.end()
