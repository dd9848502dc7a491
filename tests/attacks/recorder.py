"""An application behind the service's own HTTP server that notes what reaches it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from leads_api.server import http

SECONDS = 30.0


class Request(NamedTuple):
    """One request, as an application sees it."""

    method: str
    target: bytes
    body: bytes = b""


class Recorder:
    """Notes each whole request, and answers with its number and its target."""

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self._count = 0

    def clear(self) -> None:
        self.requests, self.headers = {}, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": (await receive())["type"] + ".complete"})
            return
        if scope["path"] == "/health/ready":  # a gateway's own check
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] != "http.request":
                return
            body += event.get("body", b"")
            more = event.get("more_body", False)
        query = scope["query_string"]
        target = scope["path"].encode(errors="surrogateescape") + (b"?" + query if query else b"")
        self._count += 1
        self.requests[self._count] = Request(scope["method"], target, body)
        self.headers.append(scope["headers"])
        content = answer_to(self._count, target)
        fields = [(b"content-length", b"%d" % len(content)), (b"x-number", b"%d" % self._count)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def answer_to(number: int, target: bytes) -> bytes:
    """Return the body of the answer to a request."""
    return b"[%d %b]" % (number, target)


@contextmanager
def recording() -> Iterator[tuple[Recorder, int]]:
    """Serve a recorder on a free port, with the server that the service runs on, for the length of a block."""
    recorder = Recorder()
    with http.listen("127.0.0.1", 0) as listener:
        server = http.Server(recorder, listener)
        ended = Event()

        def run() -> None:
            try:
                asyncio.run(server.serve())
            finally:
                ended.set()

        Thread(target=run, daemon=True).start()
        server.answering.wait(SECONDS)
        try:
            yield recorder, urlsplit(http.url_of(listener)).port or 0
        finally:
            server.should_exit = True
            ended.wait(SECONDS)
