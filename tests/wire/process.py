"""The `leads` command as a process: a service on a port of its own, its output, its end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

import leads_api
from tests.client import KEY, Api
from tests.conftest import PATIENCE
from tests.programs import program

SECONDS = 240.0
"""More than anything here takes on a busy machine: whoever waits longer waits for nothing."""

Given = Mapping[str, str] | None
"""Settings by variable, beside those that are written out in a call."""

_LEADS = str(Path(sys.executable).with_name("leads"))


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Return an environment with these settings and the driver under test, and no others of who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADS_")}
    driver = {"LEADS_MONGODB_DRIVER": os.environ["LEADS_TEST_MONGODB_DRIVER"]}
    at_once = {"LEADS_DRAIN_SECONDS": "0"}  # no gateway has to notice an end
    return kept | {"PYTHONPATH": str(Path(leads_api.__path__[0]).parent)} | driver | at_once | settings


async def leads(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [_LEADS, *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


async def to_output(output: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a file, "a pipe that nobody reads" or "none"."""
    closed = output == "none"
    command = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', _LEADS, *arguments] if closed else [_LEADS, *arguments]
    if output == "a pipe that nobody reads":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(os.devnull if closed else output, os.O_WRONLY)
    try:
        return await asyncio.to_thread(
            subprocess.run,
            command,
            env=environment(settings),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(writer)


def begun(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Begin a command, to be ended by the test."""
    return subprocess.Popen(
        [_LEADS, *arguments], env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def until(true: Callable[[], Awaitable[bool]], what: str, seconds: float = SECONDS) -> None:
    """Wait until something is so."""
    end = monotonic() + seconds
    while not await true():
        assert monotonic() < end, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def came_to_nothing(outcome: httpx.Response | BaseException) -> bool:
    """Tell whether a request was refused, or cut off without an answer: nobody was promised anything."""
    return outcome.status_code == 503 if isinstance(outcome, httpx.Response) else isinstance(outcome, httpx.HTTPError)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name a folder: the embedded server of a data folder, all parts of it."""
    lines = subprocess.run(
        [program("ps"), "-A", "-ww", "-o", "command="], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in lines.splitlines() if str(folder) in line]


async def no_process_of(folder: Path) -> bool:
    """Tell whether nothing runs on a folder any more."""
    return not processes_of(folder)


@contextmanager
def hanging(group: int) -> Iterator[None]:
    """Stop a group of processes for the length of the block: they keep their connections, and do not answer."""
    program("ps")  # before anything is stopped
    os.killpg(group, signal.SIGSTOP)
    try:
        end = monotonic() + SECONDS
        while not _stopped(group):  # it may still answer for some milliseconds
            assert monotonic() < end, f"{group} does not stop"
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def _stopped(group: int) -> bool:
    """Tell whether every process of a group is stopped."""
    table = subprocess.run(
        [program("ps"), "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in table.splitlines()]
    return all(state[0] in "TZ" for of, state in rows if int(of) == group)


class Service:
    """A running `leads serve`; what it writes is kept in a folder."""

    def __init__(
        self, folder: Path, *arguments: str, port: int | None = None, given: Given = None, **settings: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._log = folder / f"{self.port}.out", folder / f"{self.port}.log"
        usual = {
            "LEADS_API_KEY": KEY, "LEADS_REQUEST_TIMEOUT": str(PATIENCE), "LEADS_WEBHOOK_ALLOW_PRIVATE": "yes",
        }  # fmt: skip
        with self._out.open("ab") as out, self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [_LEADS, "serve", "--port", str(self.port), *arguments],
                env=environment(usual | dict(given or {}) | settings),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        self.http = httpx.AsyncClient(base_url=self.url, timeout=SECONDS)
        self.api = Api(self.http)

    @property
    def out(self) -> str:
        """What it printed."""
        return self._out.read_text()

    @property
    def log(self) -> str:
        """What it logged, and every other word on standard error."""
        return self._log.read_text()

    def children(self) -> list[int]:
        """Return the ids of its child processes of its own group: the workers, if there are several."""
        table = subprocess.run(
            [program("ps"), "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True
        ).stdout
        rows = [[int(word) for word in line.split()] for line in table.splitlines()]
        return [process for process, parent, group in rows if parent == group == self.process.pid]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged, by line: all of it is JSON."""
        return [json.loads(line) for line in self.log.splitlines()]

    async def until(self, status: int, path: str = "/health/ready") -> None:
        """Wait until it answers with a status."""

        async def answers() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log}"
            try:
                return (await self.http.get(path)).status_code == status
            except httpx.TransportError:
                return False

        await until(answers, f"{path} answers {status}")

    async def ended(self) -> int:
        """Wait for its end; return its exit status."""
        status: int = await asyncio.to_thread(self.process.wait, SECONDS)
        return status

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; return its exit status."""
        self.process.send_signal(number)
        return await self.ended()

    async def close(self) -> None:
        """End it if it runs, in order or at least at all, its workers included."""
        await self.http.aclose()
        try:
            if self.process.poll() is None:
                await self.end()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, port: int | None = None, given: Given = None, **settings: str
) -> AsyncIterator[Service]:
    """Run a service for the length of the block, without waiting for it."""
    service = Service(folder, *arguments, port=port, given=given, **settings)
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def running(
    folder: Path, *arguments: str, port: int | None = None, given: Given = None, **settings: str
) -> AsyncIterator[Service]:
    """Run a service for the length of the block, which begins when it is ready."""
    async with started(folder, *arguments, port=port, given=given, **settings) as service:
        await service.until(200)
        yield service
