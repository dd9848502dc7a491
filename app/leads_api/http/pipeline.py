"""The pipeline: the ASGI application, which handles every request in fixed steps.

The steps are: request id and trace, access log, deadline, CORS, API key, rate limit, path, method, endpoint. The
pipeline also turns every exception into an error response. Litestar's guards and middleware cannot do this, because
they do not run for 404 and 405.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from leads_api.errors import Failure, NotFound, RequestTimeout, Unavailable
from leads_api.http.admission import Admission, Busy
from leads_api.http.cors import Cors
from leads_api.http.deadlines import Deadlines
from leads_api.http.exchange import Exchange
from leads_api.http.router import Router
from leads_api.memory import Memory
from leads_api.telemetry import spans, traces
from leads_api.telemetry.logs import logger, request_id
from leads_api.telemetry.metrics import Gauge, Histogram

_REQUESTS = Histogram("leads_http_request_duration_seconds", "Requests.", ["route", "method", "status"])
_IN_PROGRESS = Gauge("leads_http_requests_in_progress", "Requests that have begun and are not answered yet.")
_LIMIT = Gauge("leads_http_admission_limit", "How many requests may be in progress.")
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
"""The methods that metrics tell apart. All others are one, because callers can make up many."""

_log = logging.getLogger("leads.http")

Admit = Callable[[str | None], Awaitable[tuple[int, int, bool, Mapping[str, str]]]]
"""Returns the user and the key of an Authorization header, whether they may only read, and response headers.

Raises Unauthorized or TooManyRequests.
"""


class Pipeline:
    """The service as an ASGI application for HTTP. Call `answer_with` before the first request."""

    def __init__(
        self,
        *,
        memory: Memory,
        as_failure: Callable[[Exception], Failure],
        database_deadline: Callable[[], AbstractContextManager[None]],
        timeout: float,
        access_log: bool,
        cors: Cors | None,
        root_path: str,
    ) -> None:
        """`timeout` limits each request (seconds); `database_deadline` limits its database calls to a little less.

        `memory` is what lists hold until they have been sent. `root_path` is the gateway's path prefix.
        """
        self._router: Router
        self._admit: Admit
        self._root_path = root_path
        self._memory = memory
        self._as_failure = as_failure
        self._database_deadline = database_deadline
        self._admission = Admission(timeout)
        self._deadlines = Deadlines(timeout, self._admission.look)
        self._access = logger("leads.access") if access_log else None
        self._cors = cors

    def answer_with(self, router: Router, admit: Admit) -> None:
        """Set the router and the check of API key and rate limit, for all requests from now on."""
        self._router = router
        self._admit = admit
        _IN_PROGRESS.follow(lambda: len(self._deadlines))
        _LIMIT.follow(lambda: self._admission.limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. Raises NotFound for anything but HTTP, which refuses WebSockets."""
        if scope["type"] != ScopeType.HTTP:
            raise NotFound
        exchange = Exchange(scope, receive, send, self._root_path)
        token = request_id.set(exchange.identity)
        if (tracing := spans.tracing) is not None:
            exchange.trace = tracing.request(_known(exchange.method), exchange.trace, exchange.header(b"tracestate"))
        traced = traces.current.set(exchange.trace) if exchange.trace else None
        began = perf_counter()
        try:
            try:
                await self._answer(exchange)
            except asyncio.CancelledError:
                _log.warning("answered 503: the process ended before the request did")
                exchange.fail(Unavailable())
                await exchange.send()
                raise
            await exchange.send()
        finally:
            self._memory.release()
            self._note(exchange, perf_counter() - began)
            request_id.reset(token)
            if traced:
                traces.current.reset(traced)

    def _note(self, exchange: Exchange, seconds: float) -> None:
        """Note a request that was answered."""
        route = exchange.route or self._router.route(exchange.path)
        method = _known(exchange.method)
        _REQUESTS.at(route, method, exchange.status).observe(seconds)
        if self._access is not None:
            self._access.info(
                "request",
                method=method,
                route=route,
                status=exchange.status,
                duration_ms=round(seconds * 1000, 2),
                key=exchange.api_key,
                user=exchange.user,
            )
        if spans.tracing is not None and exchange.trace is not None and exchange.trace.span is not None:
            attributes = {"http.route": route, "leads.request_id": exchange.identity}
            spans.tracing.answered(exchange.trace, f"{method} {route}", attributes, exchange.status)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            with self._deadlines, self._database_deadline():
                await self._route(exchange)
        except TimeoutError:
            if not exchange.receiving:
                _log.warning("answered 503: the deadline of the request passed")
            exchange.fail(RequestTimeout() if exchange.receiving else Unavailable())
        except Busy as refusal:
            exchange.fail(refusal)
        except Failure as failure:
            if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.warning("answered %s: %s", failure.status, failure.reason)
            exchange.fail(failure)
        except Exception as error:  # noqa: BLE001 - every error becomes a response in the envelope
            exchange.fail(self._as_failure(error))

    async def _route(self, exchange: Exchange) -> None:
        if self._cors is not None:
            exchange.add(self._cors.headers(exchange.headers))
            # By the Fetch standard, a preflight carries no API key.
            if (allowed := self._cors.preflight(exchange.method, exchange.headers)) is not None:
                exchange.reply(204, allowed)
                return
        path = exchange.path
        if path == "/api" or path.startswith("/api/"):
            self._admission.check(len(self._deadlines))
            authorization = exchange.headers.get(b"authorization")
            exchange.user, exchange.api_key, exchange.reads_only, fields = await self._admit(
                authorization.decode("latin-1") if authorization else None
            )
            if fields:
                exchange.add(fields)
        there, ids = self._router.at(path)
        exchange.route = there.route
        if exchange.method == "OPTIONS":
            exchange.reply(204, {"Allow": there.allow})
            return
        await there.endpoint(exchange.method)(exchange, ids)


def _known(method: str) -> str:
    """Return a method as logs, metrics and traces name it."""
    return method if method in _METHODS else "other"
