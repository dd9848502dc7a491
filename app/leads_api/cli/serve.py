"""The command `leads serve`."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec.structs import replace

from leads_api import asgi
from leads_api.access.keys import KeyStore
from leads_api.cli import arguments
from leads_api.cli.arguments import Given, said
from leads_api.cli.connection import on_database_at
from leads_api.cli.output import CannotWrite, show
from leads_api.mongo.client import REACH_SECONDS, Database, close, connect, deadline, refuse_standalone
from leads_api.mongo.faults import DatabaseError
from leads_api.mongo.ids import Ids
from leads_api.server import http
from leads_api.server.embedded import Embedded
from leads_api.settings import Settings, described
from leads_api.setup import set_up
from leads_api.telemetry.workers import folder_for

KEY_FILE = "api-key"
"""In the data folder: the API key that `make run` prints."""
_GRACE_SECONDS = 20
"""The most that requests which have begun may take when the service ends, whatever their time limit."""


def environment() -> str:
    """Return the end of the help: all settings."""
    lines = ["environment:"]
    for variable, default, description in described():
        lines.append(f"  {variable}" + (f" (default: {default})" if default else ""))
        lines.append(f"      {description}")
    lines.append("  Beside each of them, NAME_FILE names a file that has the value, for example LEADS_API_KEY_FILE.")
    return "\n".join(lines)


def serve(
    *,
    host: Annotated[str, said("address to listen on", metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, said("port to listen on", arguments.port, metavar="PORT")] = 8000,
    workers: Annotated[int, said("number of processes that share the port", arguments.workers, metavar="WORKERS")] = 1,
    settings: Given,
) -> None:
    """Serve the API."""
    with http.listen(host, port) as listener:
        if settings.mongodb_uri is not None:
            asyncio.run(_refuse_unusable(settings.mongodb_uri, settings))
            _run(settings, listener, workers)
            return
        with Embedded(settings.data_dir) as server:
            server.keep_running()
            settings = replace(settings, mongodb_uri=server.uri)
            key = settings.api_key or asyncio.run(_kept_key(server.uri, settings))
            http.when_ready(listener, lambda: _greet(http.url_of(listener), key, settings.data_dir))
            _run(settings, listener, workers)
            # A second Ctrl-C must not interrupt the embedded server while it writes its data.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _greet(url: str, key: str, folder: Path) -> None:
    with suppress(CannotWrite):  # the key is in the data folder as well
        show(
            f"\nThe Leads API is running on {url}, with an embedded database in {folder.resolve()}\n\n"
            f"API key: {key}\n\nTry:\n  curl -s -H 'Authorization: Bearer {key}' {url}/api/lead-statuses\n\n"
            f"Documentation: {url}/docs    Stop with Ctrl-C.\n\n"
        )


def _run(settings: Settings, listener: socket.socket, workers: int) -> None:
    # From now on, uvicorn handles signals. It raises them again after its shutdown, and then they must not end the
    # process before the embedded server has stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with folder_for(workers) as metrics_folder:
        http.run(
            partial(asgi.application, settings, metrics_folder),
            listener,
            workers=workers,
            drain_seconds=settings.drain_seconds,
            grace_seconds=min(round(settings.request_timeout) + 1, _GRACE_SECONDS),
        )


async def _refuse_unusable(uri: str, settings: Settings) -> None:
    """Raise Standalone for a server that can never work. If the database is unreachable, the service waits for it."""
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        with suppress(DatabaseError), deadline(REACH_SECONDS):
            await refuse_standalone(client)
    finally:
        await close(client)


async def _kept_key(uri: str, settings: Settings) -> str:
    """Return the API key in the data folder; create one at the first start, or if it was revoked."""
    file = settings.data_dir / KEY_FILE

    async def work(database: Database) -> str:
        await set_up(database, event_days=settings.event_days)
        keys = KeyStore(database, Ids(database))
        text = file.read_text().strip() if file.exists() else ""
        known = await keys.of_text(text)
        if known is not None and known.revoked is None:
            return text
        _, text = await keys.create("make run", user=1)
        _write_secret(file, text)
        return text

    return await on_database_at(uri, settings, work, seconds=None)  # the set-up builds indexes


def _write_secret(file: Path, text: str) -> None:
    """Write a file atomically, and readable by its owner only at any time."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(f"{text}\n")
    draft.replace(file)
