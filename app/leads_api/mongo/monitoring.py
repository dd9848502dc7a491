"""Metrics of the driver's commands and connections, as the driver tells them. With Motor, its threads do."""

from threading import Lock
from typing import Any

from pymongo.monitoring import CommandListener, ConnectionPoolListener

from leads_api.telemetry.metrics import Counter, Gauge, Histogram

_COMMANDS = Histogram("leads_mongodb_command_duration_seconds", "Commands to the database.", ["command", "outcome"])
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

    def started(self, event: Any) -> None:
        """Do nothing: the end tells all."""

    def succeeded(self, event: Any) -> None:
        """Note a command that succeeded."""
        self._note(event, "succeeded")

    def failed(self, event: Any) -> None:
        """Note a command that failed."""
        self._note(event, "failed")

    def _note(self, event: Any, outcome: str) -> None:
        name = event.command_name
        with _lock:
            _COMMANDS.at(name if name in _KNOWN else "other", outcome).observe(event.duration_micros / 1_000_000)


class Connections(ConnectionPoolListener):
    """Counts the connections of a client."""

    def __init__(self) -> None:
        self.open = 0
        self.in_use = 0
        _OPEN.follow(lambda: self.open)
        _IN_USE.follow(lambda: self.in_use)

    def connection_created(self, event: Any) -> None:
        """Note that a connection is opened."""
        with _lock:
            self.open += 1
            _CREATED.add()

    def connection_closed(self, event: Any) -> None:
        """Note that a connection was closed."""
        with _lock:
            self.open -= 1

    def connection_checked_out(self, event: Any) -> None:
        """Note that a command has got a connection."""
        with _lock:
            self.in_use += 1

    def connection_checked_in(self, event: Any) -> None:
        """Note that a command has given its connection back."""
        with _lock:
            self.in_use -= 1

    def connection_check_out_failed(self, event: Any) -> None:
        """Note that a command got no connection."""
        with _lock:
            _FAILURES.add()

    def connection_ready(self, event: Any) -> None:
        """Do nothing, like the following: it changes no number."""

    pool_created = pool_ready = pool_cleared = pool_closed = connection_check_out_started = connection_ready


def listeners() -> list[CommandListener | ConnectionPoolListener]:
    """Return new listeners for a client."""
    return [Commands(), Connections()]
