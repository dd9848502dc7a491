"""Connects a command to its database: the one of LEADS_MONGODB_URI, or the embedded server of the data folder."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from leads_api.cli.output import tell
from leads_api.mongo.client import Database, close, connect, deadline, refuse_standalone, without_secrets
from leads_api.server.embedded import attached, has_data
from leads_api.settings import Settings

T = TypeVar("T")

_COMMAND_SECONDS = 10.0


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The command cannot be executed; the message says why."""


def on_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], *, seconds: float | None = _COMMAND_SECONDS
) -> T:
    """Run `work` on the database of the settings, for at most `seconds`; None is no limit. Raises Refused."""
    with located(settings) as uri:
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
        with deadline(seconds):
            await refuse_standalone(client)
            return await work(client[settings.mongodb_database])
    finally:
        await close(client)


@contextmanager
def located(settings: Settings) -> Iterator[str]:
    """Yield the URI of the database, and name the database on standard error. Raises Refused."""
    if settings.mongodb_uri is not None:
        tell(f"Database: {settings.mongodb_database} on {without_secrets(settings.mongodb_uri)}")
        yield settings.mongodb_uri
        return
    folder = settings.data_dir.resolve()
    if not has_data(folder):
        raise Refused(
            f"there is no database in {folder}. Run this in the folder where `leads serve` was started, or"
            " set LEADS_DATA_DIR or LEADS_MONGODB_URI."
        )
    tell(f"Database: the embedded one in {folder}")
    with attached(folder) as uri:
        yield uri
