"""The endpoint `/metrics` (contract, section 5; decision 23)."""

import asyncio

from litestar import Response, get

from leads_api.telemetry import exposition, workers


@get("/metrics", include_in_schema=False)
async def metrics() -> Response[bytes]:
    """Return the metrics of this process, or of all workers."""
    # On a thread: the text of many series takes longer than other requests should wait.
    text = await asyncio.to_thread(exposition.text_of, workers.current())
    return Response(text, media_type=exposition.CONTENT_TYPE, headers={"Cache-Control": "no-store"})
