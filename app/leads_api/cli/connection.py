"""Connects a command to its database: the one of LEADS_MONGODB_URI, or the embedded server of the data folder."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from leads_api.mongo.client import Database, close, connect, refuse_standalone, without_secrets
from leads_api.server.embedded import attached, has_data
from leads_api.settings import Settings

T = TypeVar("T")

_COMMAND_SECONDS = 30.0


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The command cannot be executed; the message says why."""


def on_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], *, seconds: float | None = _COMMAND_SECONDS
) -> T:
    """Run `work` on the database of the settings, for at most `seconds`; None is no limit. Raises Refused."""
    with _uri(settings) as uri:
        return asyncio.run(on_database_at(uri, settings, work, seconds=seconds))


async def on_database_at(
    uri: str,
    settings: Settings,
    work: Callable[[Database], Awaitable[T]],
    *,
    seconds: float | None = _COMMAND_SECONDS,
) -> T:
    """Run `work` on the database at a URI, for at most `seconds`; None is no limit."""
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        async with asyncio.timeout(seconds):
            await refuse_standalone(client)
            database = client[settings.mongodb_database]
            return await work(database)
    finally:
        await close(client)


@contextmanager
def _uri(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is not None:
        sys.stderr.write(f"Database: {settings.mongodb_database} on {without_secrets(settings.mongodb_uri)}\n")
        yield settings.mongodb_uri
        return
    folder = settings.data_dir.resolve()
    if not has_data(folder):
        raise Refused(
            f"there is no database in {folder}. Run this in the folder where `leads serve` was started, or"
            " set LEADS_DATA_DIR or LEADS_MONGODB_URI."
        )
    sys.stderr.write(f"Database: the embedded one in {folder}\n")
    with attached(folder) as uri:
        yield uri
