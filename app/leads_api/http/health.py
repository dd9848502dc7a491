"""The endpoints `/`, `/health/live` and `/health/ready` (contract, sections 1 and 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from litestar import get
from msgspec import Struct
from msgspec.structs import asdict

from leads_api.errors import Unavailable
from leads_api.http.endpoint import Part, RootPath
from leads_api.http.envelope import failures
from leads_api.server.drain import process_drain

NAME = "Leads"

_PAUSE_SECONDS = 1.0
"""Between two pings: one read by id per second and process, however often the service is asked."""
_PATIENCE_SECONDS = 2.0
_STEPS = 4

_log = logging.getLogger("leads.health")


class Health(Struct, frozen=True):
    """How the service is."""

    status: str


class Links(Struct, frozen=True):
    """Where to go from here."""

    api: str = "/api"
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    live: str = "/health/live"
    ready: str = "/health/ready"


class About(Struct, frozen=True):
    """What this service is."""

    name: str
    version: str
    links: Links


class Readiness:
    """Whether the service is ready: the database is set up and responds, and the service is not shutting down."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        """`ping` raises if the database does not respond; it should end within seconds."""
        self._ping = ping
        self._fault: str | None = None
        self.reached = False
        self.set_up = False
        self.ended = False

    def require_set_up(self) -> None:
        """Raise Unavailable unless the database has been set up."""
        if not self.set_up:
            raise Unavailable(
                "The database is being set up. Please try again in a moment."
                if self.reached
                else "The database has not been reached yet."
            )

    def check(self) -> None:
        """Raise Unavailable unless the service is ready, by what `watch` knows."""
        if self.ended or process_drain.begun:
            raise Unavailable("The service is shutting down.")
        self.require_set_up()
        if self._fault is not None:
            raise Unavailable("The database does not respond.", reason=self._fault)

    async def watch(self) -> None:
        """Ping the database again and again as soon as it is set up, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if not self.set_up:
                continue
            asked = asyncio.ensure_future(self._ping())
            try:
                await self._follow(asked)
            finally:
                asked.cancel()

    async def _follow(self, asked: asyncio.Future[None]) -> None:
        # In steps, and without a clock: an event loop that stalls, or a clock that tests move, delays one step only.
        for _ in range(_STEPS):
            await asyncio.wait({asked}, timeout=_PATIENCE_SECONDS / _STEPS)
            if asked.done():
                break
        else:
            self._note(f"the database has not responded for {_PATIENCE_SECONDS:g} s")
            await asyncio.wait({asked})
        error = asked.exception()
        self._note(None if error is None else f"database error: {type(error).__name__}: {str(error)[:500]}")

    def _note(self, fault: str | None) -> None:
        if fault is not None and self._fault is None:
            _log.warning("not ready: %s", fault)
        elif fault is None and self._fault is not None:
            _log.info("ready again: the database responds")
        self._fault = fault


@get("/", tags=["Service"], summary="Name, version and links")
async def about(version: Part[str], root_path: RootPath) -> About:
    """Return name, version and links."""
    links = {name: f"{root_path}{path}" for name, path in asdict(Links()).items()}
    return About(NAME, version, Links(**links))


@get("/health/live", tags=["Service"], summary="Check liveness")
async def live() -> Health:
    """Return 200, independent of the database."""
    return Health("ok")


@get(
    "/health/ready",
    tags=["Service"],
    summary="Check readiness",
    description="503 while the database is unreachable or the service is shutting down.",
    responses=failures(Unavailable()),
)
async def ready(readiness: Part[Readiness]) -> Health:
    """Return 200 if the service is ready, else 503."""
    readiness.check()
    return Health("ok")
