"""What answers must be while something fails: in time, and a 503 tells when to come again and has one reason."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable
from typing import Any

import httpx

from tests.client import KEY, RECEIVER, Json
from tests.wire.process import SECONDS, Service, until

STALLED = "stalled"
"""The id of a request whose body never arrives."""


async def operations(service: Service) -> list[tuple[str, str, Json | None]]:
    """Return every operation of the OpenAPI document, with the body of its example."""
    document = (await service.http.get("/openapi.json")).json()
    found = [
        (method.upper(), _filled(path, operation), _example(operation))
        for path, operations in document["paths"].items()
        if path.startswith("/api/")
        for method, operation in operations.items()
    ]
    assert len(found) > 40
    return found


def _filled(path: str, operation: Any) -> str:
    required = [given["name"] for given in operation["parameters"] if given["required"] and given["in"] == "query"]
    values = {"resource_type": "lead", "resource_id": "1"}
    query = "&".join(f"{name}={values[name]}" for name in required)
    return re.sub(r"\{\w+\}", "1", path) + ("?" + query if query else "")


def _example(operation: Any) -> Json | None:
    if "requestBody" not in operation:
        return None
    example: Json = operation["requestBody"]["content"]["application/json"]["example"]
    return example | {"url": RECEIVER} if "url" in example else example  # a host that can be looked up


async def stalled(service: Service, mark: str = STALLED) -> None:
    """Send a request whose body never arrives, and wait until it is refused, at the deadline of requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = (
        f"POST /api/leads HTTP/1.1\r\nHost: leads\r\nAuthorization: Bearer {KEY}\r\nX-Request-ID: {mark}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    writer.write(head.encode())
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    writer.close()


async def beside_stalled(service: Service, calls: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Make some calls, and one beside them whose body never arrives; return their answers."""
    late = asyncio.create_task(stalled(service))
    answers = await asyncio.gather(*calls)
    await late
    return list(answers)


async def took(service: Service, identities: Iterable[str]) -> list[float]:
    """Return the milliseconds that requests took, as the service itself measured them."""
    measured: dict[str, float] = {}

    async def logged() -> bool:
        lines = (line for line in service.lines if line["message"] == "request")
        measured.update({line["request_id"]: line["duration_ms"] for line in lines})
        return set(identities) <= set(measured)

    await until(logged, "the requests are in the access log")
    return [measured[identity] for identity in identities]


async def assert_in_time(service: Service, identities: Iterable[str], mark: str = STALLED) -> None:
    """Assert that no answer took much longer than the one that was given at the deadline."""
    late, *others = await took(service, [mark, *identities])
    assert max(others) < 2 * late


def assert_one_reason(service: Service, unavailable: Collection[str]) -> None:
    """Assert that the log has one reason for each request that was answered 503."""
    reasons = Counter(
        line["request_id"]
        for line in service.lines
        if line.get("request_id") in unavailable and line["message"] != "request"
    )
    assert reasons == dict.fromkeys(unavailable, 1)


def ids(answers: Iterable[httpx.Response]) -> list[str]:
    """Return the request ids of answers."""
    return [answer.headers["X-Request-ID"] for answer in answers]


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, f"{answer.request.method} {answer.request.url}: {answer.text}"
    assert list(answer.json()) == ["message"]
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-Request-ID"]
