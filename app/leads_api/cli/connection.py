"""The database that a command works on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from leads_api.mongo.client import Database, close, connect, refuse_standalone
from leads_api.server.embedded import attached
from leads_api.settings import Settings
from leads_api.setup import set_up

T = TypeVar("T")

_COMMAND_SECONDS = 30.0


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The command cannot do what was asked; the text says why."""


def on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database of the settings."""
    with _uri(settings) as uri:
        return asyncio.run(on_database_at(uri, settings, work))


async def on_database_at(uri: str, settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database of a server."""
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            await refuse_standalone(client)
            database = client[settings.mongodb_database]
            await set_up(database)
            return await work(database)
    finally:
        await close(client)


@contextmanager
def _uri(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri
        return
    with attached(settings.data_dir) as uri:
        yield uri
