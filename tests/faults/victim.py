"""The service as a process that is to be killed: the application on a real server, without the HTTP server in front.

It is forked from a process that has imported it already, so that a kill takes a fraction of a second.
"""

import asyncio
import multiprocessing
import os
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self, cast

import httpx
import uvloop

from leads_api.mongo.client import Driver, connect
from leads_api.settings import Settings
from tests.client import KEY, Api, Json
from tests.conftest import PATIENCE, no_events, serving
from tests.wire.process import SECONDS


def _serve(uri: str, database: str, driver: Driver, connection: Connection) -> None:
    """Send what is asked for, one request after the other, and tell the answers. The process that is to be killed."""

    async def work() -> None:
        client = connect(uri, driver=driver, request_timeout=PATIENCE)
        settings = Settings(
            mongodb_database=database, mongodb_driver=driver, api_key=KEY, request_timeout=PATIENCE, cache_seconds=60
        )
        with no_events():  # their commands are no steps of a request
            async with serving(settings, client) as api:
                await api.get("/api/leads/1")  # it knows its settings from now on
                connection.send(None)
                while True:
                    method, path, body, options = await asyncio.to_thread(connection.recv)
                    answer = await api.call(method, path, body, **options)
                    connection.send((answer.status_code, answer.content, list(answer.headers.items())))

    with suppress(EOFError):
        uvloop.run(work())


class Victim(Api):
    """A service that can be called until it is killed."""

    def __init__(self, uri: str, database: str) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._connection, theirs = context.Pipe()
        driver = os.environ["LEADS_TEST_MONGODB_DRIVER"]
        self._process = context.Process(target=_serve, args=(uri, database, driver, theirs), daemon=True)
        self._process.start()
        theirs.close()

    async def __aenter__(self) -> Self:
        assert await asyncio.to_thread(self._connection.poll, SECONDS), "it does not begin"
        self._connection.recv()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._connection.close()
        self._process.close()

    async def call(self, method: str, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        """Let it send a request to itself. Raises ReadError if it is killed before it has answered."""
        self._connection.send((method, path, body, options))
        try:
            status, content, headers = await asyncio.to_thread(self._connection.recv)
        except EOFError:
            raise httpx.ReadError("killed") from None
        return httpx.Response(cast("int", status), content=cast("bytes", content), headers=headers)

    async def kill(self) -> None:
        self._process.kill()
        await asyncio.to_thread(self._process.join, SECONDS)
