"""Runs the application on uvicorn: the listening socket, worker processes, and the readiness probe."""

import errno
import http.client
import socket
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from leads_api.server.processes import Config, DrainingServer
from leads_api.server.protocol import Protocol
from leads_api.server.workers import InWorker, Workers

KEEP_ALIVE_SECONDS = 75
"""Longer than gateways keep idle connections, so that the service never closes a connection that a gateway reuses."""

_BACKLOG = 2048
_PAUSE_SECONDS = 0.05
_TAKEN_SECONDS = 3.0
"""How long to wait for a port that is in use."""
_PROBE_SECONDS = 5.0


class CannotListen(Exception):  # noqa: N818 - named as the failures are
    """The service cannot listen on the address; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 selects a free port. Raises CannotListen."""
    until = time.monotonic() + _TAKEN_SECONDS
    while True:
        try:
            return _listening(host, port)
        except OSError as error:
            # The workers of a process that was killed hold the port until they have noticed.
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise CannotListen(
                    f"cannot listen on {host}, port {port}: {error.strerror}."
                    " Choose another one with --host and --port."
                ) from None
        except ValueError:  # its encoding fails
            raise CannotListen(f"cannot listen on {host!r}: it is not the name of a host.") from None
        time.sleep(_PAUSE_SECONDS)


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return a URL that reaches a listening socket from this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def when_ready(listener: socket.socket, do: Callable[[], None]) -> None:
    """Call `do` in a background thread as soon as `/health/ready` returns 200."""

    def wait() -> None:
        while not _is_ready(listener):
            if listener.fileno() < 0:  # the service has ended
                return
            time.sleep(_PAUSE_SECONDS)
        do()

    Thread(target=wait, daemon=True).start()


def _is_ready(listener: socket.socket) -> bool:
    try:
        connection = http.client.HTTPConnection(url_of(listener).removeprefix("http://"), timeout=_PROBE_SECONDS)
    except OSError:  # the socket is closed
        return False
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Server(uvicorn.Server):
    """A server inside another program: it uses a given socket, starts no processes and handles no signals."""

    def __init__(self, application: object, listener: socket.socket) -> None:
        """`application` is an ASGI application."""
        super().__init__(_config(application))
        self._listener = listener
        self.answering = Event()
        """Set when the server accepts requests."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set."""
        await super().serve(sockets or [self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set `answering`."""
        await super().startup(sockets)
        self.answering.set()


def run(
    make: Callable[[], object], listener: socket.socket, *, workers: int, drain_seconds: float, grace_seconds: int
) -> None:
    """Serve the application that `make` returns until the server is stopped. Workers get a pickled `make`.

    After SIGTERM it goes on for `drain_seconds`, and then waits at most `grace_seconds` for requests that have begun.
    SIGINT and SIGTERM must have handlers that raise SystemExit. Exits with status 1 if the server cannot start.
    """
    application = make()  # also for workers: what fails in each of them is to fail here, once
    options: dict[str, Any] = {
        "loop": "uvloop", "drain_seconds": drain_seconds, "timeout_graceful_shutdown": grace_seconds
    }  # fmt: skip
    if workers > 1:
        Workers(_config(InWorker(make), factory=True, workers=workers, **options), listener).run()
        return
    server = DrainingServer(_config(application, **options))
    try:
        server.run(sockets=[listener])
    except SystemExit as end:
        if end.code == STARTUP_FAILURE:
            sys.exit(1)
        if not server.started:
            raise
        # Else uvicorn has raised a signal again, after an orderly shutdown.


def _config(application: Any, *, drain_seconds: float = 0, **options: Any) -> Config:
    return Config(
        application,
        drain_seconds=drain_seconds,
        backlog=_BACKLOG,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        reset_contextvars=True,  # a pipelined request must not inherit the deadline of the one before it
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        **options,
    )
