"""Metrics of the driver's commands and connections, as the driver tells them.

With Motor, its threads do. They only append to deques, which needs no lock: threads that wait for one cost more than
all the rest.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from inspect import signature
from threading import Lock
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ConnectionPoolListener,
)

from leads_api.mongo.client import Client, Driver, connect
from leads_api.mongo.tracing import CommandSpans
from leads_api.telemetry import spans
from leads_api.telemetry.metrics import Counter, Gauge, ThreadedHistogram

_COMMANDS = ThreadedHistogram(
    "leads_mongodb_command_duration_seconds", "Commands to the database.", ["command", "outcome"]
)
_OPEN = Gauge("leads_mongodb_connections_open", "Connections to the database.")
_IN_USE = Gauge("leads_mongodb_connections_in_use", "Connections that a command is using.")
_CREATED = Counter("leads_mongodb_connections_created_total", "Connections that were opened.")
_FAILURES = Counter("leads_mongodb_checkout_failures_total", "Commands that got no connection.")

_KNOWN = {
    "abortTransaction", "aggregate", "bulkWrite", "commitTransaction", "count", "create", "createIndexes", "delete",
    "distinct", "drop", "dropIndexes", "endSessions", "find", "findAndModify", "getMore", "hello", "insert",
    "killCursors", "listCollections", "listIndexes", "update",
}  # fmt: skip

_lock = Lock()


class Commands(CommandListener):
    """Counts commands and measures how long they take."""

    def started(self, event: CommandStartedEvent) -> None:
        """Do nothing: the end tells all."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Note a command that succeeded."""
        self.note(event.command_name, "succeeded", event.duration_micros / 1_000_000)

    def failed(self, event: CommandFailedEvent) -> None:
        """Note a command that failed."""
        self.note(event.command_name, "failed", event.duration_micros / 1_000_000)

    def note(self, name: str, outcome: str, seconds: float) -> None:
        """Note a command."""
        _COMMANDS.note((name if name in _KNOWN else "other", outcome), seconds)


class Connections(ConnectionPoolListener):
    """Counts the connections of a client."""

    def __init__(self) -> None:
        self._open: deque[None] = deque()
        self._in_use: deque[None] = deque()
        _OPEN.follow(lambda: len(self._open))
        _IN_USE.follow(lambda: len(self._in_use))

    def connection_created(self, event: Any) -> None:
        """Note that a connection is opened."""
        self._open.append(None)
        with _lock:
            _CREATED.add()

    def connection_closed(self, event: Any) -> None:
        """Note that a connection was closed."""
        with suppress(IndexError):  # the driver must not fail, whatever it has left out
            self._open.pop()

    def connection_checked_out(self, *_: object, **__: object) -> None:
        """Note that a command has got a connection."""
        self._in_use.append(None)

    def connection_checked_in(self, *_: object, **__: object) -> None:
        """Note that a command has given its connection back."""
        with suppress(IndexError):
            self._in_use.pop()

    def connection_check_out_failed(self, event: Any) -> None:
        """Note that a command got no connection."""
        with _lock:
            _FAILURES.add()

    def connection_ready(self, event: Any) -> None:
        """Do nothing, like the following: it changes no number."""

    pool_created = pool_ready = pool_cleared = pool_closed = connection_check_out_started = connection_ready


def monitored(uri: str, *, driver: Driver, request_timeout: float) -> Client:
    """Return a client like `connect` does, whose commands and connections are in the metrics and spans."""
    commands, connections = Commands(), Connections()
    listeners: list[Any] = [commands, connections]
    if spans.tracing is not None:
        listeners.append(CommandSpans())
    client = connect(uri, driver=driver, request_timeout=request_timeout, listeners=listeners)
    _shorten(client, commands if spans.tracing is None else None, connections)
    return client


def _shorten(client: Client, commands: Commands | None, connections: Connections) -> None:
    """Let the driver call the listeners without an event for each command, which takes longer than all the rest.

    These names are the driver's own. Should a later one publish in another way, it calls the listeners as usual
    (docs/decisions/0026-metrics.md).
    """

    def succeeded(duration: timedelta, reply: object, command_name: str, *_: object, **__: object) -> None:
        if commands is not None:
            commands.note(command_name, "succeeded", duration.total_seconds())

    def nothing(*_: object, **__: object) -> None: ...

    either: Any = client
    own = either if isinstance(either, AsyncMongoClient) else either.delegate  # Motor's has PyMongo's synchronous one
    publisher = getattr(own.options.pool_options, "_event_listeners", None)
    if publisher is None:
        return
    publisher.publish_connection_check_out_started = nothing
    publisher.publish_connection_checked_out = connections.connection_checked_out
    publisher.publish_connection_checked_in = connections.connection_checked_in
    published = getattr(publisher, "publish_command_success", nothing)
    if commands is not None and _begins_with(published, "duration", "reply", "command_name"):
        publisher.publish_command_start = nothing
        publisher.publish_command_success = succeeded


def _begins_with(function: Callable[..., object], *names: str) -> bool:
    """Return whether the first parameters of a function have these names."""
    return tuple(signature(function).parameters)[: len(names)] == names
