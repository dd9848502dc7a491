"""The pipeline: what happens to every request, in this order, whatever it asks for.

The request id, the access log, the deadline, CORS, the key and the rate limit, the path, its methods, the endpoint; and
the last net under faults. Guards and middleware of the framework would not run for 404 and 405.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from leads_api.errors import Failure, NotFound, RequestTimeout, Unavailable
from leads_api.http.cors import Cors
from leads_api.http.deadlines import Deadlines
from leads_api.http.exchange import Exchange
from leads_api.http.router import Router
from leads_api.telemetry.logs import access_logger, request_id

MAX_AT_ONCE = 2000
"""Requests under way in one process. More could not be answered before their deadline, and would take memory only."""

Admit = Callable[[str | None], Awaitable[tuple[int, Mapping[str, str]]]]
"""Returns the user of an Authorization header and headers for the answer, or raises Unauthorized or TooManyRequests."""


class Pipeline:
    """The service as an ASGI application for HTTP. Before the first request, `answer_with` must be called."""

    def __init__(
        self,
        *,
        as_failure: Callable[[Exception], Failure],
        database_deadline: Callable[[], AbstractContextManager[None]],
        timeout: float,
        access_log: bool,
        cors: Cors | None,
        root_path: str,
    ) -> None:
        """`database_deadline` bounds the waits of the database, a little before `timeout` (seconds) ends a request.

        `root_path` is the path below which a gateway has the service.
        """
        self._router: Router
        self._admit: Admit
        self._root_path = root_path
        self._as_failure = as_failure
        self._database_deadline = database_deadline
        self._deadlines = Deadlines(timeout)
        self._access_log = access_log
        self._cors = cors

    def answer_with(self, router: Router, admit: Admit) -> None:
        """Answer all requests from now on by this router, and admit callers so."""
        self._router = router
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != ScopeType.HTTP:
            raise NotFound
        exchange = Exchange(scope, receive, send, self._root_path)
        token = request_id.set(exchange.identity)
        began = perf_counter()
        try:
            await self._answer(exchange)
            await exchange.send()
        finally:
            if self._access_log:
                access_logger.info(
                    "request",
                    extra={
                        "method": exchange.method,
                        "path": exchange.path,
                        "status": exchange.status,
                        "ms": round((perf_counter() - began) * 1000, 2),
                        "user": exchange.user,
                    },
                )
            request_id.reset(token)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            with self._deadlines, self._database_deadline():
                await self._route(exchange)
        except TimeoutError:
            exchange.fail(RequestTimeout() if exchange.receiving else Unavailable())
        except Exception as error:  # noqa: BLE001 - the last net: whatever it is, the caller gets the envelope
            exchange.fail(self._as_failure(error))

    async def _route(self, exchange: Exchange) -> None:
        if self._cors is not None:
            exchange.add(self._cors.headers(exchange.headers))
            # A preflight carries no key, by the standard.
            if (allowed := self._cors.preflight(exchange.method, exchange.headers)) is not None:
                exchange.reply(204, allowed)
                return
        path = exchange.path
        if path == "/api" or path.startswith("/api/"):
            if len(self._deadlines) > MAX_AT_ONCE:
                raise Unavailable
            authorization = exchange.headers.get(b"authorization")
            exchange.user, fields = await self._admit(authorization.decode("latin-1") if authorization else None)
            if fields:
                exchange.add(fields)
        there, ids = self._router.at(path)
        if exchange.method == "OPTIONS":
            exchange.reply(204, {"Allow": there.allow})
            return
        await there.endpoint(exchange.method)(exchange, ids)
