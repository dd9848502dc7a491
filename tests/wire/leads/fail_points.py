"""The fail point of a real server: commands of the service fail there, as a driver meets it in bad weather."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from leads_api.mongo.client import Client
from tests.client import Json
from tests.wire.process import free_port

TRANSIENT, UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"
CONFLICT = {"errorCode": 112, "errorLabels": [TRANSIENT]}
COMMIT = ["commitTransaction"]


def _faults(kinds: dict[str, Json]) -> list[Any]:
    """Return each kind as one that strikes once, and as one that strikes three times."""
    return [
        pytest.param({"mode": {"times": times}, "data": data}, id=f"{name}-{times}")
        for name, data in kinds.items()
        for times in (1, 3)
    ]


COMMIT_FAULTS = _faults(
    {
        "conflict_at_commit": {"failCommands": COMMIT, **CONFLICT},
        "commit_not_done": {"failCommands": COMMIT, "errorCode": 64, "errorLabels": [UNKNOWN]},
        "commit_done": {"failCommands": COMMIT, "writeConcernError": {"code": 64, "errmsg": "-"}},
        "connection_lost_at_commit": {"failCommands": COMMIT, "closeConnection": True},
        # As after a crash: what was committed is there, but the server does not know the transaction any more.
        "commit_done_and_forgotten": {
            "failCommands": COMMIT,
            "writeConcernError": {"code": 251, "errmsg": "-"},
            "errorLabels": [TRANSIENT],
        },
    }
)
INSERT_FAULTS = _faults(
    {
        "conflict_at_insert": {"failCommands": ["insert"], **CONFLICT},
        "connection_lost_at_insert": {"failCommands": ["insert"], "closeConnection": True},
    }
)


@contextmanager
def faulty_server(folder: Path) -> Iterator[str]:
    """Run a server that has fail points for the length of the block; return its URI."""
    port = free_port()
    server = subprocess.Popen(
        [
            Path(sys.executable).with_name("secantusd-py"), "--port", str(port), "--storage-path", folder / "store",
            "--enable-test-commands", "--log-level", "ERROR",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        # Polled often: else a driver that has lost a connection waits ten seconds before it looks again.
        yield f"mongodb://127.0.0.1:{port}/?retryWrites=false&serverMonitoringMode=poll&heartbeatFrequencyMS=500"
    finally:
        server.terminate()
        server.wait(30)


class Struck(CommandListener):
    """Counts how often a fail point has struck."""

    def __init__(self) -> None:
        self.times = 0

    def started(self, event: CommandStartedEvent) -> None:
        """Not counted yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self.times += "writeConcernError" in event.reply

    def failed(self, event: CommandFailedEvent) -> None:
        self.times += 1


class FailPoint:
    """The server's fail point: lets commands of the service fail, and counts them."""

    def __init__(self, admin: Client, struck: Struck) -> None:
        self._admin = admin
        self._struck = struck

    async def arm(self, *, data: Json, mode: Json | str) -> None:
        await self._admin.admin.command(
            "configureFailPoint", "failCommand", mode=mode, data=data | {"appName": "leads"}
        )
        self._struck.times = 0

    async def disarm(self) -> None:
        await self._admin.admin.command("configureFailPoint", "failCommand", mode="off")

    @property
    def struck(self) -> int:
        return self._struck.times
