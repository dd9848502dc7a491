"""What becomes of a request whose task is cancelled (app/leads_api/http/pipeline.py)."""

import asyncio
import json
from contextlib import nullcontext
from typing import Any

import pytest

from leads_api.errors import Failure
from leads_api.http.pipeline import Pipeline
from leads_api.http.router import Router
from leads_api.memory import Memory


async def test_a_request_that_the_end_of_the_process_cuts_off_is_answered_503() -> None:
    begun, sent = asyncio.Event(), []

    async def admit(_: str | None) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    pipeline = Pipeline(
        memory=Memory(), as_failure=lambda _: Failure(), database_deadline=nullcontext, timeout=60, access_log=False,
        cors=None, root_path="",
    )  # fmt: skip
    nothing: Any = None
    pipeline.answer_with(Router([], {}, nothing, nothing), admit)
    scope: Any = {"type": "http", "method": "GET", "path": "/api/leads", "query_string": b"", "headers": []}
    request = asyncio.create_task(pipeline(scope, nothing, send))
    await begun.wait()
    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request

    head, body, *_ = sent
    assert (head["status"], dict(head["headers"])[b"retry-after"]) == (503, b"1")
    assert list(json.loads(body["body"])) == ["message"]
