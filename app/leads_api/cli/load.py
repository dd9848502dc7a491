"""Loads a service for `leads bench`: some connections that ask one thing again and again."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from leads_api.cli.connection import Refused

_WAIT_SECONDS = 30.0


class Answer(NamedTuple):
    """What a service answers."""

    status: int
    body: bytes


class Connection:
    """One connection to a service, which is opened again when the service closes it."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.hostname or "", parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a request and return the answer. Raises OSError, or TimeoutError, which is one."""
        async with asyncio.timeout(_WAIT_SECONDS):
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            reader, writer = self._streams
            head = f"{method} {self._path}{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            try:
                start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                content = await reader.readexactly(int(fields.get("content-length", 0)))
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
                self.close()
                raise ConnectionResetError("the connection was closed in the middle of an answer") from error
            if fields.get("connection", "").lower() == "close":
                self.close()
        return Answer(int(start.split()[1]), content)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Operation(NamedTuple):
    """What is asked."""

    name: str
    method: str
    path: str
    body: bytes = b""

    @property
    def creates(self) -> bool:
        """Return whether it creates a lead."""
        return self.method == "POST"


class Measured(Struct, frozen=True):
    """How the answers to an operation were. Times are in milliseconds."""

    operation: str
    requests: int
    per_second: float
    median: float
    p95: float
    p99: float
    errors: int


class Load:
    """Asks a service for some time, on some connections at once."""

    def __init__(self, url: str, key: str, *, connections: int, seconds: float) -> None:
        self._url = url
        self._key = key
        self._connections = connections
        self._seconds = seconds
        self.ending = False
        """Whether no further request is to be sent. Those that were sent are still waited for."""
        self._created: list[int] = []
        """The ids of the leads that were created."""
        self._unanswered = 0
        """Requests that may have created a lead, and have no answer."""

    @property
    def most_left(self) -> int:
        """Return how many leads were created, at most."""
        return len(self._created) + self._unanswered

    async def first_lead(self) -> int | None:
        """Return the id of some lead. Raises Refused if the service cannot be asked."""
        try:
            with Connection(self._url, self._key) as connection:
                answer = await connection.ask("GET", "/api/leads?limit=1")
        except (OSError, UnicodeError) as error:
            raise Refused(
                f"{self._url} does not answer: {error or type(error).__name__}. Is the service running?"
            ) from None
        if answer.status != HTTPStatus.OK:
            told = msgspec.json.decode(answer.body)["message"] if answer.body.startswith(b"{") else ""
            raise Refused(f"{self._url} answers {answer.status}. {told}".rstrip(". "))
        leads = msgspec.json.decode(answer.body)["data"]
        return leads[0]["id"] if leads else None

    async def measure(self, operation: Operation, elapsed: Callable[[float], None]) -> Measured:
        """Measure an operation; `elapsed` is told how many seconds have passed."""
        begin = monotonic()
        end = begin + self._seconds
        times: list[float] = []
        errors = 0

        async def ask_on() -> None:
            nonlocal errors
            with Connection(self._url, self._key) as connection:
                while (began := monotonic()) < end and not self.ending:
                    self._unanswered += operation.creates
                    try:
                        answer = await connection.ask(operation.method, operation.path, operation.body)
                    except OSError:
                        connection.close()
                        errors += 1
                        await asyncio.sleep(0.1)
                        continue
                    self._unanswered -= operation.creates
                    times.append(monotonic() - began)
                    errors += answer.status >= HTTPStatus.BAD_REQUEST
                    if answer.status == HTTPStatus.CREATED:
                        self._created.append(msgspec.json.decode(answer.body)["data"]["id"])
                    elapsed(monotonic() - begin)

        await asyncio.gather(*(ask_on() for _ in range(self._connections)))
        return _measured(operation.name, sorted(times), errors, monotonic() - begin)

    async def clean_up(self, source: str) -> int:
        """Delete the leads that were created, and all others with this source. Return how many are left.

        Others are those whose response was lost. Raises OSError if the service does not answer.
        """
        await self._delete(self._created)
        ids, left = await self._with_source(source)
        before = left + 1
        while 0 < left < before:
            await self._delete(ids)
            before = left
            ids, left = await self._with_source(source)
        return left

    async def _delete(self, lead_ids: Sequence[int]) -> None:
        async def delete(ids: Sequence[int]) -> None:
            with Connection(self._url, self._key) as connection:
                for lead_id in ids:
                    await connection.ask("DELETE", f"/api/leads/{lead_id}")

        await asyncio.gather(*(delete(lead_ids[number :: self._connections]) for number in range(self._connections)))

    async def _with_source(self, source: str) -> tuple[list[int], int]:
        """Return the ids of some leads, and how many there are."""
        with Connection(self._url, self._key) as connection:
            answer = await connection.ask("GET", f"/api/leads?limit=100&source={quote(source)}")
        if answer.status != HTTPStatus.OK:
            raise OSError(f"the list of leads is answered with {answer.status}")
        found = msgspec.json.decode(answer.body)
        return [lead["id"] for lead in found["data"]], found["meta"]["total"]


def _measured(name: str, times: Sequence[float], errors: int, seconds: float) -> Measured:
    def share(part: float) -> float:
        return round(times[min(len(times) - 1, int(len(times) * part))] * 1000, 2) if times else 0.0

    return Measured(name, len(times), round(len(times) / seconds, 1), share(0.5), share(0.95), share(0.99), errors)
