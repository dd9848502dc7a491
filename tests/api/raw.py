"""Requests that no well-behaved client sends: as messages of ASGI, past the client's own checks."""

from collections.abc import Iterable, MutableMapping
from typing import Any

import httpx

from tests.client import KEY, Api

Message = MutableMapping[str, Any]


async def send_raw(
    api: Api,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
    key: str = KEY,
    messages: Iterable[Message] = ({"type": "http.request", "body": b"", "more_body": False},),
) -> httpx.Response:
    """Hand a request to the service as it is, with the key if no other is given; return the answer."""
    incoming = iter(messages)
    outgoing: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(errors="surrogateescape"),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"leads.test"), (b"authorization", f"Bearer {key}".encode()), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("leads.test", 80),
    }

    async def receive() -> Message:
        return next(incoming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        outgoing.append(message)

    transport = api.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    await transport.app(scope, receive, send)
    start, *rest = outgoing
    assert start["type"] == "http.response.start"
    content = b"".join(message.get("body", b"") for message in rest)
    return httpx.Response(start["status"], headers=start["headers"], content=content)
