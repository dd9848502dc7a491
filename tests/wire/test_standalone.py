"""A standalone server has no transactions, and is refused (contract, section 6, LEADS_MONGODB_URI)."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.wire.process import SECONDS, free_port, leads, started, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The port of a standalone server."""
    port = free_port()
    command = Path(sys.executable).with_name("secantusd-py")
    process = subprocess.Popen(
        [command, "--standalone", "--host", "127.0.0.1", "--port", str(port), "--storage-path", tmp_path / "store"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield port
    process.terminate()
    process.wait(SECONDS)


@pytest.fixture
async def standalone(server: int) -> str:
    """The address of a standalone server that answers."""

    async def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", server), timeout=1):
            return True
        return False

    await until(answers, "the server starts")
    return f"mongodb://127.0.0.1:{server}/"


def assert_helpful(text: str) -> None:
    assert "standalone" in text
    assert "--replSet" in text
    assert "LEADS_MONGODB_URI" in text


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_service_refuses_to_start_and_says_what_to_do(tmp_path: Path, standalone: str, workers: str) -> None:
    async with started(tmp_path, "--workers", workers, LEADS_MONGODB_URI=standalone) as service:
        status = await service.ended()

    assert status != 0
    assert_helpful(service.log)


@pytest.mark.parametrize("command", [["seed"], ["indexes"], ["keys", "list"], ["keys", "create", "--name", "Website"]])
async def test_the_commands_refuse_it_too(standalone: str, command: list[str]) -> None:
    done = await leads(*command, LEADS_MONGODB_URI=standalone)

    assert done.returncode == 1
    assert_helpful(done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


async def test_the_doctor_names_it_and_says_what_to_do(standalone: str) -> None:
    done = await leads("doctor", LEADS_MONGODB_URI=standalone)

    assert done.returncode == 1
    assert "a standalone server, which has no transactions" in done.stdout
    assert "--replSet" in done.stdout
    assert "topology" in done.stderr.splitlines()[-1]
