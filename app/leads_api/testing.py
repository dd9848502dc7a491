"""Runs the service for the tests of other programs, over HTTP: a context manager, a pytest fixture and a command.

```python
from leads_api.testing import running_service

with running_service() as leads:
    my_program(leads.url, leads.key)
```

For pytest, put `pytest_plugins = ["leads_api.testing"]` into the top-level `conftest.py` to get the fixture
`leads_service`. Programs in other languages start `python -m leads_api.testing` (see `main`). To test the ASGI
application without HTTP, see `leads_api.asgi.create_app`.

PYTEST_DONT_REWRITE: else pytest warns if a `conftest.py` imports this module and names it as a plugin.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Literal

import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.asgi import create_app
from leads_api.server import children, http
from leads_api.settings import PREFIX, from_environment

_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LeadsService:
    """A running service."""

    url: str
    """The base URL, for example `http://127.0.0.1:40123`; the API is under `/api`."""
    key: str
    """An API key of team user 1, with all rights."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that a request needs."""
        return {"Authorization": f"Bearer {self.key}"}


@contextmanager
def running_service(
    store: Literal["mongomock", "embedded"] = "mongomock", environment: Mapping[str, str] | None = None
) -> Iterator[LeadsService]:
    """Run the service on a free port of the loopback interface, with an empty database, until the block ends.

    `mongomock` runs in this process and starts at once, but has no isolation and no rollback. `embedded` runs
    `leads serve` with a real database server, in separate processes and a temporary folder; it needs
    `leads-api[embedded]`. `environment` has `LEADS_*` settings; those of this process are ignored. Raises RuntimeError
    if the service does not start.
    """
    key = secrets.token_urlsafe(32)
    variables = {f"{PREFIX}API_KEY": key, **(environment or {})}
    serve = {"mongomock": _in_this_process, "embedded": _as_a_process}[store]
    with serve(variables) as url:
        yield LeadsService(url, variables[f"{PREFIX}API_KEY"])


@pytest.fixture
def leads_service() -> Iterator[LeadsService]:
    """A new Leads service for each test, on mongomock: `leads_service.url` and `leads_service.key`."""
    with running_service() as service:
        yield service


@contextmanager
def _in_this_process(variables: Mapping[str, str]) -> Iterator[str]:
    app = create_app(from_environment(variables), mongo=AsyncMongoMockClient())
    with http.listen("127.0.0.1", 0) as listener:
        server = http.Server(app, listener)
        ended = Event()

        def run() -> None:
            try:
                asyncio.run(server.serve())
            finally:
                ended.set()
                server.answering.set()

        Thread(target=run, daemon=True).start()
        server.answering.wait()
        if ended.is_set():
            raise RuntimeError("the service did not start; see its log")
        try:
            yield http.url_of(listener)
        finally:
            server.should_exit = True
            ended.wait(_STOP_SECONDS)


@contextmanager
def _as_a_process(variables: Mapping[str, str]) -> Iterator[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with tempfile.TemporaryDirectory(prefix="leads-", ignore_cleanup_errors=True) as folder:
        process = children.start(
            [sys.executable, "-m", "leads_api", "serve", "--port", "0"],
            env={
                **others,
                f"{PREFIX}DATA_DIR": folder,
                f"{PREFIX}LOG_LEVEL": "warning",
                f"{PREFIX}DRAIN_SECONDS": "0",
                **variables,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # The service prints its URL, with the port, when it is ready.
            found = next((found for line in process.stdout if (found := re.search(r"http://\S+:\d+", line))), None)
            if found is None:
                raise RuntimeError("the service did not start; see its standard error")
            yield found[0]
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()


def main() -> None:
    """Run a service for a program in another language: print its URL and key as a line of JSON when it is ready.

    It ends when its standard input is closed, if that is a pipe, so it does not outlive the program that started it. It
    also ends after SIGTERM and Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m leads_api.testing", description=main.__doc__)
    parser.add_argument("--store", choices=["mongomock", "embedded"], default="mongomock")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with running_service(options.store) as service:
        print(json.dumps({"url": service.url, "key": service.key}), flush=True)  # noqa: T201 - its output
        _wait_for_the_end_of_input()


def _wait_for_the_end_of_input() -> None:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        sys.stdin.buffer.read()
    else:  # /dev/null, a file or a terminal: nothing there tells that somebody has ended
        signal.pause()


if __name__ == "__main__":
    main()
