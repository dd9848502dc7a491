"""The outer shell: an ASGI wrapper for what must hold on every answer, unknown paths included.

A guard or a middleware of the framework does not run for 404 and 405, so here are: the request id, the access log, the
key, the known paths and their methods, HEAD, OPTIONS, the deadline, and the last net under faults.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

from litestar.enums import ScopeType
from litestar.routes import BaseRoute
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.errors import Failure, MethodNotAllowed, NotFound, Unavailable
from app.telemetry.logs import access_logger, request_id
from app.web.cors import Cors
from app.web.envelope import failure_body

USER = "user"
"""Where the scope's state keeps the id of the user whose key it is."""

Admit = Callable[[str | None], Awaitable[tuple[int, Mapping[str, str]]]]
"""Returns the user of an Authorization header and headers for the answer, or raises Unauthorized or TooManyRequests."""

_ID = re.compile(r"(?<=/)[1-9][0-9]{0,18}(?=/|$)", re.ASCII)
_MAX_ID = 2**63 - 1
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}", re.ASCII)
_MAX_PATH = 2048


class Paths:
    """The paths that there are, each with its methods. An id of a path stands as `{}`."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._allow: dict[str, str] = {}
        self._methods: dict[str, frozenset[str]] = {}
        for route in routes:
            shape = re.sub(r"\{[^}]*\}", "{}", route.path_format)
            methods = set(route.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in route.methods else set())
            self._methods[shape] = frozenset(methods)
            self._allow[shape] = ", ".join(sorted(methods))

    def allow(self, path: str, method: str) -> str:
        """Return the `Allow` of a path. Raises NotFound or MethodNotAllowed."""
        if "{" in path:
            raise NotFound
        shape = _ID.sub("{}", path)
        if (methods := self._methods.get(shape)) is None:
            raise NotFound
        if any(int(number) > _MAX_ID for number in _ID.findall(path) if len(number) == 19):  # noqa: PLR2004
            raise NotFound
        if method not in methods:
            raise MethodNotAllowed(self._allow[shape])
        return self._allow[shape]


class Shell:
    """The wrapper around the framework."""

    def __init__(
        self,
        inner: ASGIApp,
        *,
        routes: Iterable[BaseRoute],
        admit: Admit,
        as_failure: Callable[[Exception], Failure],
        deadline: Callable[[], AbstractContextManager[None]],
        timeout: float,
        access_log: bool,
        cors: Cors | None,
    ) -> None:
        """`deadline` bounds the waits of the database, a little before `timeout` (seconds) ends the request."""
        self._inner = inner
        self._paths = Paths(routes)
        self._admit = admit
        self._as_failure = as_failure
        self._deadline = deadline
        self._timeout = timeout
        self._access_log = access_log
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            raise NotFound
        headers = dict(scope["headers"])
        identity = _identity(headers.get(b"x-request-id"))
        token = request_id.set(identity)
        exchange = _Exchange(send, identity, head=scope["method"] == "HEAD")
        began = perf_counter()
        try:
            await self._answer(scope, receive, exchange, headers)
        finally:
            if self._access_log:
                access_logger.info(
                    "%s %s %s",
                    scope["method"],
                    scope["path"],
                    exchange.status,
                    extra={"ms": round((perf_counter() - began) * 1000, 2), "user": scope["state"].get(USER)},
                )
            request_id.reset(token)

    async def _answer(
        self, scope: HTTPScope, receive: Receive, exchange: "_Exchange", headers: Mapping[bytes, bytes]
    ) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                with self._deadline():
                    await self._route(scope, receive, exchange, headers)
        except TimeoutError:
            await exchange.fail(Unavailable())
        except Exception as error:  # noqa: BLE001 - the last net: whatever it is, the caller gets the envelope
            await exchange.fail(self._as_failure(error))

    async def _route(
        self, scope: HTTPScope, receive: Receive, exchange: "_Exchange", headers: Mapping[bytes, bytes]
    ) -> None:
        path, method = scope["path"], scope["method"]
        if self._cors is not None:
            exchange.add(self._cors.headers(headers))
            # A preflight carries no key, by the standard.
            if (allowed := self._cors.preflight(method, headers)) is not None:
                await exchange.reply(204, allowed)
                return
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        if path == "/api" or path.startswith("/api/"):
            authorization = headers.get(b"authorization")
            user, fields = await self._admit(authorization.decode("latin-1") if authorization else None)
            scope["state"][USER] = user
            exchange.add(fields)
        if len(path) > _MAX_PATH:
            raise NotFound
        allow = self._paths.allow(path, method)
        if method == "OPTIONS":
            await exchange.reply(204, {"Allow": allow})
            return
        inner: dict[str, Any] = {**scope, "path": path, "method": "GET" if method == "HEAD" else method}
        await self._inner(inner, receive, exchange.send)  # type: ignore[arg-type]


class _Exchange:
    """One answer on its way out: gets the request id, and loses its body for HEAD."""

    def __init__(self, send: Send, identity: str, *, head: bool) -> None:
        self._send = send
        self._fields = [(b"x-request-id", identity.encode())]
        self._head = head
        self.status: int | None = None

    def add(self, headers: Mapping[str, str]) -> None:
        self._fields += [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._fields]
        elif message["type"] == "http.response.body" and self._head:
            message["body"] = b""
        await self._send(message)

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": fields})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def fail(self, failure: Failure) -> None:
        if self.status is not None:
            raise RuntimeError("the answer had begun already") from failure
        body = failure_body(failure)
        length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        await self.reply(failure.status, length | failure.headers, body)


def _identity(sent: bytes | None) -> str:
    """Return the caller's request id if it is a harmless one, else a new one."""
    given = sent.decode("latin-1") if sent else ""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
