"""A relay in front of a database server: it tells what was sent there, and keeps answers back for as long as told."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import bson

Command = dict[str, Any]
Where = Callable[[Command], bool]

SECONDS = 60.0
"""More than any answer takes on a busy machine."""

_HEAD = struct.Struct("<4i")
_OF_THE_DRIVER = {"hello", "ismaster", "isMaster", "ping", "endSessions"}
_OF_BACKGROUND_TASKS = {"migrations", "positions", "events", "webhooks", "webhook_deliveries"}
"""Collections that no request of these tests writes or reads."""
_LOOKS = {("find", "counters"), ("find", "mails"), ("aggregate", "mails")}
"""Looks of background tasks at collections that requests write: whether the database is there, how old mails are."""
_MESSAGE = 2013
"""The opcode OP_MSG of the wire protocol: all but a connection's first words."""


def _any(_: Command) -> bool:
    return True


class Seen:
    """The commands of one name on one collection (1 if it has none) that were sent during a block, in their order."""

    def __init__(self, name: str, collection: str | int, where: Where, *, held: bool) -> None:
        self.commands: list[Command] = []
        self._kind = name, collection
        self._where = where
        self._held = held
        self._answers: list[asyncio.Event] = []
        self._came = asyncio.Condition()

    def is_of(self, command: Command) -> bool:
        name = next(iter(command))
        return (name, command[name]) == self._kind and self._where(command)

    async def came(self, count: int) -> None:
        """Wait until so many were answered by the server, and the answers are kept here or have gone on."""
        async with asyncio.timeout(SECONDS), self._came:
            await self._came.wait_for(lambda: len(self._answers) >= count)

    def release(self) -> None:
        """Let the answer go on that is kept for the longest time."""
        next(answer for answer in self._answers if not answer.is_set()).set()

    def release_all(self) -> None:
        """Let all answers go on, and keep none from now on."""
        self._held = False
        for answer in self._answers:
            answer.set()

    async def asked(self, command: Command) -> None:
        """A command has come; it goes on to the server when this ends."""
        self.commands.append(command)

    async def answered(self) -> None:
        """An answer has come: keep it."""
        answer = asyncio.Event()
        if not self._held:
            answer.set()
        self._answers.append(answer)
        async with self._came:
            self._came.notify_all()
        await answer.wait()


class Steps(Seen):
    """All commands that the requests of a block send, one step each; it may end at one of them.

    What is sent there does not arrive (`before`), or it is done and its answer does not arrive.
    """

    def __init__(self, end: int | None = None, *, before: bool = False) -> None:
        super().__init__("", 0, _any, held=False)
        self._end = end
        self._before = before
        self.reached = asyncio.Event()

    def is_of(self, command: Command) -> bool:
        name = next(iter(command))
        if name in _OF_THE_DRIVER or command[name] in _OF_BACKGROUND_TASKS:
            return False
        return (name, command[name]) not in _LOOKS

    async def asked(self, command: Command) -> None:
        await super().asked(command)
        if self._before:
            await self._stop()

    async def answered(self) -> None:
        if not self._before:
            await self._stop()

    async def _stop(self) -> None:
        if self._end is not None and len(self.commands) > self._end:
            self.reached.set()
            await asyncio.Event().wait()  # until the connection ends


class Relay:
    """Listens on a free port of loopback for the length of a block, in the running loop."""

    def __init__(self, uri: str) -> None:
        """`uri` is that of the server, the primary if there are several."""
        self._server_uri = urlsplit(uri)
        self._watched: list[Seen] = []
        self._connections: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def uri(self) -> str:
        """What leads to the server through here, and to no other member of its replica set."""
        user = self._server_uri.netloc.rpartition("@")[0]
        port = self._listening.sockets[0].getsockname()[1]
        options = {name: value for name, value in parse_qsl(self._server_uri.query) if name.lower() != "replicaset"}
        address = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
        return f"mongodb://{address}/?{urlencode(options | {'directConnection': 'true'})}"

    @contextmanager
    def watching(self, name: str, collection: str | int) -> Iterator[Seen]:
        """See what is sent during the block."""
        with self._during(Seen(name, collection, _any, held=False)) as seen:
            yield seen

    @contextmanager
    def holding(self, name: str, collection: str | int, where: Where = _any) -> Iterator[Seen]:
        """Keep the answers to these commands back, until they are released one by one, or the block ends."""
        with self._during(Seen(name, collection, where, held=True)) as seen:
            yield seen

    @contextmanager
    def steps(self, end: int | None = None, *, before: bool = False) -> Iterator[Steps]:
        """See all that is sent during the block, until it stops at the step of this number, counted from 0."""
        steps = Steps(end, before=before)
        with self._during(steps):
            yield steps

    @contextmanager
    def _during(self, seen: Seen) -> Iterator[Seen]:
        self._watched.append(seen)
        try:
            yield seen
        finally:
            self._watched.remove(seen)
            seen.release_all()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        waiting: dict[int, list[Seen]] = {}
        try:
            # Each time anew: the server may have been started again.
            there, back = await asyncio.open_connection(self._server_uri.hostname, self._server_uri.port)
            try:
                await _until_one_ends(self._ask(reader, back, waiting), self._answer(there, writer, waiting))
            finally:
                back.close()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the caller sees that nobody is there, or the block ends
        finally:
            writer.close()
            self._connections.discard(task)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: dict[int, list[Seen]]
    ) -> None:
        while True:
            identity, _, kind, message = await _read(reader)
            if kind == _MESSAGE and self._watched:
                command = _command(message[_HEAD.size :])
                waiting[identity] = [seen for seen in self._watched if seen.is_of(command)]
                for seen in waiting[identity]:
                    await seen.asked(command)
            writer.write(message)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: dict[int, list[Seen]]
    ) -> None:
        while True:
            _, question, _, message = await _read(reader)
            for seen in waiting.pop(question, []):
                await seen.answered()
            writer.write(message)
            await writer.drain()


async def _until_one_ends(*directions: Any) -> None:
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
                if isinstance(outcome, BaseException):
                    raise outcome


async def _read(reader: asyncio.StreamReader) -> tuple[int, int, int, bytes]:
    """Return the id of a message, the id of the one that it answers, its opcode and all of it."""
    head = await reader.readexactly(_HEAD.size)
    length, identity, question, kind = _HEAD.unpack(head)
    return identity, question, kind, head + await reader.readexactly(length - _HEAD.size)


def _command(body: bytes) -> Command:
    """Return the command of an OP_MSG: a document, and lists of documents that belong into it."""
    at = 5 + int.from_bytes(body[5:9], "little")
    command: Command = bson.decode(body[5:at])
    while at < len(body):
        end = at + 1 + int.from_bytes(body[at + 1 : at + 5], "little")
        name, _, documents = body[at + 5 : end].partition(b"\0")
        command[name.decode()] = bson.decode_all(documents)
        at = end
    return command
