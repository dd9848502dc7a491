"""The endpoint `/metrics` (contract, section 5; decision 26)."""

import asyncio

from litestar import Response, get

from leads_api.telemetry import workers
from leads_api.telemetry.metrics import Snapshot

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@get("/metrics", include_in_schema=False)
async def metrics() -> Response[bytes]:
    """Return the metrics of this process, or of all workers."""
    # On a thread: the text of many series takes longer than other requests should wait.
    text = await asyncio.to_thread(_text_of, workers.current())
    return Response(text, media_type=_CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _text_of(snapshot: Snapshot) -> bytes:
    from leads_api.telemetry import exposition  # noqa: PLC0415 - most commands do not need prometheus_client

    return exposition.text_of(snapshot)
