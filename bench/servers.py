"""The processes that a measurement needs: the database, the service and its peers."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from leads_api.server.embedded import Embedded

HERE = Path(__file__).parent
DATA = HERE / ".data"
PEERS = ["leads", "leads-pymongo", "beanie", "pymongo", "fastify", "go", "asgi"]
VARIANTS = ["leads-granian", "leads-two-workers", "leads-before", "leads-without-relay", "leads-without-relay-metrics"]
"""The service under another server, in two processes, as another checkout has it, and without parts of it.

They are measured when asked for.
"""
BEFORE = "LEADS_BENCH_BEFORE"
"""The variable that names the `leads` command of that checkout."""
FLOORS = {"asgi": ["get"]}
"""The operations of those that have not all."""
GRANIAN = HERE / ".granian"
PYTHON = HERE / ".venv" / "bin" / "python"
_GO = HERE / ".go" / "leadspeer"
_PIP = ["pip", "install", "--quiet", "--disable-pip-version-check"]
_START_SECONDS = 180.0
_STOP_SECONDS = 15.0


class CannotRun(Exception):  # noqa: N818 - named as the service's failures are
    """Something that a measurement needs does not start."""


class Server:
    """A process that answers on a port of its own; its output goes to a file beside the data."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], port: int) -> None:
        DATA.mkdir(exist_ok=True)
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self._log: IO[bytes] = (DATA / f"{name}.log").open("wb")
        self._process = subprocess.Popen(
            command, cwd=HERE.parent, env=os.environ | environment, stdout=self._log, stderr=self._log
        )
        self.pid = self._process.pid

    def wait_for_port(self, port: int) -> None:
        """Wait until something listens. Raises CannotRun."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise CannotRun(f"{self.name} did not start; {self._log.name} tells why.")

    def wait_for_answer(self, key: str) -> None:
        """Wait until a lead can be read. Raises CannotRun."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                answer = httpx.get(f"{self.url}/api/leads/1", headers={"Authorization": f"Bearer {key}"}, timeout=5)
                if answer.is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise CannotRun(f"{self.name} did not start; {self._log.name} tells why.")

    def stop(self) -> None:
        """End the process, in order if it will."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@contextmanager
def database(binary: Path | None, server_pid: int | None) -> Iterator[tuple[str, int | None, str]]:
    """Yield a database's URI, process id (None if it is not known) and name.

    It is that of LEADS_MONGODB_URI, else one started from the binary, else the embedded one.
    """
    if uri := os.environ.get("LEADS_MONGODB_URI"):
        yield uri, server_pid, "the server of LEADS_MONGODB_URI"
    elif binary is None:
        with Embedded(DATA / "embedded") as embedded:
            yield embedded.uri, embedded._process.pid, "the embedded server"  # noqa: SLF001 - its CPU time is read
    else:
        port = free_port()
        options = ["--port", str(port), "--storage-path", str(DATA / binary.name), "--log-level", "WARNING"]
        command = [sys.executable, str(binary)] if binary.suffix == ".py" else [str(binary)]
        server = Server(binary.name, command + options, {}, port)
        try:
            server.wait_for_port(port)
            yield f"mongodb://127.0.0.1:{port}/?replicaSet=secantus&retryWrites=false", server.pid, binary.name
        finally:
            server.stop()


@contextmanager
def peers(
    names: list[str], uri: str, database_name: str, key: str, *, under: Sequence[str] = ()
) -> Iterator[dict[str, Server]]:
    """Start the service (`leads`) and its peers, and end them. `under` is a command that runs another one."""
    running: dict[str, Server] = {}
    environment = {"PEER_MONGODB_URI": uri, "PEER_MONGODB_DATABASE": database_name}
    environment |= {"LEADS_MONGODB_URI": uri, "LEADS_MONGODB_DATABASE": database_name, "LEADS_DRAIN_SECONDS": "0"}
    try:
        for name in names:
            port = free_port()
            driver = {"LEADS_MONGODB_DRIVER": "pymongo"} if name == "leads-pymongo" else {}
            granian = {"PYTHONPATH": str(GRANIAN)} if name == "leads-granian" else {}
            running[name] = Server(name, [*under, *_command(name, port)], environment | driver | granian, port)
        for server in running.values():
            server.wait_for_answer(key)
        yield running
    finally:
        for server in running.values():
            server.stop()


def _command(name: str, port: int) -> list[str]:
    if name == "leads-granian":
        return [
            sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--loop", "uvloop", "--no-ws",
            "--log-level", "warning", "--port", str(port), "leads_api.asgi:application",
        ]  # fmt: skip
    if name == "leads-before":
        if BEFORE not in os.environ:
            raise CannotRun(f"Set {BEFORE} to the `leads` command of another checkout, in its virtual environment.")
        return [os.environ[BEFORE], "serve", "--port", str(port)]
    if name.startswith("leads-without-"):
        parts = name.removeprefix("leads-without-")
        return [sys.executable, "-m", "bench.without", parts, "serve", "--port", str(port)]
    if name == "leads-two-workers":
        return [*_command("leads", port), "--workers", "2"]
    if name.startswith("leads"):
        return [str(Path(sys.executable).with_name("leads")), "serve", "--port", str(port)]
    if name == "fastify":
        return ["node", str(HERE / "peers" / "fastify" / "server.js"), str(port)]
    if name == "go":
        return [str(_GO), str(port)]
    return [
        str(PYTHON), "-m", "uvicorn", f"bench.peers.{name}.app:app", "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--log-level", "warning", "--no-access-log",
    ]  # fmt: skip


def install(names: list[str]) -> None:
    """Install what the peers run on, if it is not there yet."""
    if not PYTHON.exists() and not {"beanie", "pymongo", "asgi"}.isdisjoint(names):
        venv.create(HERE / ".venv", with_pip=True)
        subprocess.run([str(PYTHON), "-m", *_PIP, "--requirement", str(HERE / "requirements.txt")], check=True)
    if not GRANIAN.exists() and "leads-granian" in names:
        options = ["--target", str(GRANIAN), "--no-deps", "granian==2.8.7", "click==8.5.1"]
        subprocess.run([sys.executable, "-m", *_PIP, *options], check=True)
    fastify = HERE / "peers" / "fastify"
    if "fastify" in names and not (fastify / "node_modules").exists():
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=fastify, check=True)
    if "go" in names:
        if (go := shutil.which("go")) is None:
            raise CannotRun("The peer in Go needs Go, as bench/peers/go/go.mod says.")
        subprocess.run([go, "build", "-o", str(_GO), "."], cwd=HERE / "peers" / "go", check=True)


def obtainable(names: list[str]) -> list[str]:
    """Return those servers that can run here: the one in Go needs Go."""
    return [name for name in names if name != "go" or shutil.which("go")]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
