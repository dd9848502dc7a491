"""Signals at any moment of any command (contract, section 6): heeded at once, even by process 1 of a container.

Process 1 never gets a signal for which it has no handler. So what counts here is a status that the command
chose itself: a process without a handler would have been killed by the signal.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.wire.process import SECONDS, begun, environment

TERMINATED, INTERRUPTED = 143, 130

BEFORE_IMPORTS = """
import os, signal, sys

class Sender:
    def find_spec(self, name, *_):
        if name == "leads_api.cli.main":
            os.kill(os.getpid(), signal.SIGNAL)

sys.meta_path.insert(0, Sender())
from leads_api.__main__ import main
main()
"""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A database that takes connections, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", TERMINATED), ("SIGINT", INTERRUPTED)])
async def test_a_signal_before_the_command_is_imported_ends_it(name: str, status: int) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", BEFORE_IMPORTS.replace("SIGNAL", name), "keys", "list"],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--port", "0"],
        ["serve", "--port", "0", "--workers", "2"],
        ["keys", "list"],
        ["keys", "revoke", "1"],
        ["seed"],
        ["indexes"],
        ["migrate"],
    ],
)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)])
async def test_a_signal_while_the_database_is_waited_for_ends_the_command(
    silent: socket.socket, command: list[str], number: signal.Signals, status: int
) -> None:
    uri = f"mongodb://127.0.0.1:{silent.getsockname()[1]}/"

    with begun(*command, LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT="60") as process:
        async with asyncio.timeout(SECONDS):
            connection, _ = await asyncio.get_running_loop().sock_accept(silent)
        with connection:
            process.send_signal(number)
            out, log = await asyncio.to_thread(process.communicate, timeout=SECONDS)

    assert process.returncode == status
    assert out == ""
    assert [line for line in log.splitlines() if not line.startswith("Database: ")] == []
