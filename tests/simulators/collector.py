"""A collector of OpenTelemetry: takes spans by OTLP over HTTP, and keeps them."""

import asyncio
import gzip
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Listens on a free port of loopback for the length of a block."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.hangs = False
        """Whether it takes requests and never answers."""

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._ended = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        self._listening.close()

    @property
    def url(self) -> str:
        """Where it listens: OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                body = await reader.readexactly(int(head.get("content-length", "0")))
                if self.hangs:
                    await self._ended.wait()
                    return
                self._keep(gzip.decompress(body) if head.get("content-encoding") == "gzip" else body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
        finally:
            writer.close()

    def _keep(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({each.key: each.value.string_value for each in group.resource.attributes})
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    fields: dict[str, str] = {}
    while (line := (await reader.readline()).strip()) or not fields:
        if not line:
            return {}
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    return fields
