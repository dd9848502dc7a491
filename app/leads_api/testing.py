"""The service for the tests of other programs: over HTTP, started and ended by a block or by a fixture of pytest.

```python
from leads_api.testing import running_service

with running_service() as leads:
    my_program(leads.url, leads.key)
```

For pytest, `pytest_plugins = ["leads_api.testing"]` in the `conftest.py` at the top brings the fixture `leads_service`.
Tests that call an ASGI application directly need neither: see `leads_api.asgi.create_app`.
"""

import asyncio
import os
import re
import secrets
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
from leads_api.server import http
from leads_api.settings import PREFIX, from_environment

_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LeadsService:
    """A service that answers."""

    url: str
    """Its address, like `http://127.0.0.1:40123`; the API is below `/api`."""
    key: str
    """An API key of team user 1, who may do everything."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that a request needs."""
        return {"Authorization": f"Bearer {self.key}"}


@contextmanager
def running_service(
    store: Literal["mongomock", "embedded"] = "mongomock", environment: Mapping[str, str] | None = None
) -> Iterator[LeadsService]:
    """Run the service on a free port of the loopback interface, with an empty database, for the length of the block.

    `mongomock` is in this process and ready at once; it does without isolation and rollback. `embedded` is
    `leads serve` with a real database server, in processes of their own and a folder that is removed at the end; it
    needs `leads-api[embedded]`. `environment` holds `LEADS_*` settings; those of this process count for nothing.
    Raises RuntimeError if the service does not start.
    """
    key = secrets.token_urlsafe(32)
    variables = {f"{PREFIX}API_KEY": key, **(environment or {})}
    serve = {"mongomock": _in_this_process, "embedded": _as_a_process}[store]
    with serve(variables) as url:
        yield LeadsService(url, variables[f"{PREFIX}API_KEY"])


@pytest.fixture
def leads_service() -> Iterator[LeadsService]:
    """A Leads service of the test's own, on mongomock: `leads_service.url` and `leads_service.key`."""
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
            raise RuntimeError("the service did not start; its log tells why")
        try:
            yield http.url_of(listener)
        finally:
            server.should_exit = True
            ended.wait(_STOP_SECONDS)


@contextmanager
def _as_a_process(variables: Mapping[str, str]) -> Iterator[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with tempfile.TemporaryDirectory(prefix="leads-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "leads_api", "serve", "--port", "0"],
            env={**others, f"{PREFIX}DATA_DIR": folder, f"{PREFIX}LOG_LEVEL": "warning", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            # The greeting names the port that was taken, once the service answers.
            found = next((found for line in process.stdout if (found := re.search(r"http://\S+:\d+", line))), None)
            if found is None:
                raise RuntimeError("the service did not start; what it wrote on standard error tells why")
            yield found[0]
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
