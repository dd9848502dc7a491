"""`GET /`, `/health/live` and `/health/ready` (contract, sections 1 and 5)."""

from importlib.metadata import version

import httpx
import pytest

from leads_api.asgi import create_app
from leads_api.mongo.client import Database
from leads_api.settings import Settings
from tests.api.envelope import assert_enveloped
from tests.client import KEY, Api


async def test_the_root_tells_name_version_and_links_that_lead_somewhere(shared: Api) -> None:
    answer = await shared.http.get("/")

    assert answer.status_code == 200
    about = answer.json()
    assert about["name"]
    assert about["version"] == version("leads-api")
    links = {name: await shared.call("GET", link) for name, link in about["links"].items()}
    assert {name for name, found in links.items() if found.status_code != 200} <= {"api"}


async def test_a_service_that_is_set_up_lives_and_is_ready(shared: Api) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await shared.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.fixture
async def not_set_up(database: Database) -> Api:
    """A service that has not reached its database yet."""
    app = create_app(Settings(api_key=KEY, mongodb_database=database.name), mongo=database.client)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
    return Api(httpx.AsyncClient(transport=transport, base_url="http://leads.test"))


async def test_a_service_that_is_not_set_up_lives_but_is_not_ready(not_set_up: Api) -> None:
    assert (await not_set_up.http.get("/health/live")).status_code == 200
    for path in ("/health/ready", "/api/leads"):
        answer = await not_set_up.get(path)
        assert answer.status_code == 503
        assert_enveloped(answer)
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_service_that_is_not_set_up_shows_its_documents(not_set_up: Api) -> None:
    for path in ("/", "/docs", "/openapi.json"):
        assert (await not_set_up.http.get(path)).status_code == 200


async def test_a_service_that_has_ended_is_not_ready(database: Database) -> None:
    app = create_app(Settings(api_key=KEY, mongodb_database=database.name), mongo=database.client)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
    async with httpx.AsyncClient(transport=transport, base_url="http://leads.test") as http:
        async with app.lifespan():
            assert (await http.get("/health/ready")).status_code == 200

        answer = await http.get("/health/ready")

    assert answer.status_code == 503
    assert_enveloped(answer)
