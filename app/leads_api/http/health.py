"""The endpoints `/`, `/health/live` and `/health/ready` (contract, sections 1 and 5)."""

from collections.abc import Awaitable, Callable

from litestar import get
from msgspec import Struct
from msgspec.structs import asdict

from leads_api.errors import Unavailable
from leads_api.http.endpoint import Part, RootPath
from leads_api.http.envelope import failures

NAME = "Leads"


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
        self._ping = ping
        self.reached = False
        self.set_up = False
        self.draining = False

    def require_set_up(self) -> None:
        """Raise Unavailable unless the database has been set up."""
        if not self.set_up:
            raise Unavailable(
                "The database is being set up. Please try again in a moment."
                if self.reached
                else "The database has not been reached yet."
            )

    async def check(self) -> None:
        """Raise Unavailable, or the database's error, unless the service is ready."""
        if self.draining:
            raise Unavailable("The service is shutting down.")
        self.require_set_up()
        await self._ping()


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
    await readiness.check()
    return Health("ok")
