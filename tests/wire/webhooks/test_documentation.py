"""The receivers of docs/webhooks.md accept what the service sends."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client import Api
from tests.generated_clients.install import node_packages
from tests.programs import program
from tests.wire.process import environment, free_port, until
from tests.wire.webhooks.queue import Queue, ping

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


def receiver(language: str, folder: Path, port: int) -> list[str]:
    """Return the command that runs the page's receiver. Its packages are there."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    if language == "python":
        (folder / "receiver.py").write_text(code)
        return [sys.executable, "-m", "uvicorn", "receiver:app", "--app-dir", str(folder), "--port", str(port)]
    node = program("node")
    (folder / "node_modules").symlink_to(node_packages(program("npm"), "webhooks") / "node_modules")
    (folder / "receiver.mjs").write_text(code)
    return [node, str(folder / "receiver.mjs")]


@contextmanager
def running(command: list[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a receiver, for the length of the block at most."""
    process = subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("language", ["python", "js"])
async def test_the_receivers_of_the_page_accept_what_is_signed_and_nothing_else(
    api: Api, queue: Queue, tmp_path: Path, language: str
) -> None:
    port = free_port()
    made = await api.webhook(f"http://127.0.0.1:{port}/")
    other = await api.webhook(f"http://127.0.0.1:{port}/")
    settings = {"WEBHOOK_SECRET": made["secret"], "PORT": str(port)}

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async def refused() -> bool:
        return await queue.deliveries.find_one({"_id": 2, "attempts": 1, "status": "pending"}) is not None

    with running(receiver(language, tmp_path, port), settings) as process:
        await until(listens, "the receiver listens")
        await ping(api, made)
        await queue.until("delivered")
        await ping(api, other)
        await until(refused, "the receiver refuses what another secret has signed")
        process.kill()
        printed, _ = process.communicate()

    # Uvicorn prints its access log as well.
    assert [line for line in printed.splitlines() if line.startswith("msg_")] == ["msg_1 webhook.test"]
