"""The service below a path of a gateway, or mounted in another application (contract, section 5)."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send
from mongomock_motor import AsyncMongoMockClient

from leads_api.asgi import create_app
from leads_api.settings import Settings
from tests.api.endpoints import ENDPOINTS, make_records
from tests.client import KEY, Api
from tests.conftest import running

Between = Callable[[ASGIApp], ASGIApp]
"""What is between the caller and the service."""


def strips(app: ASGIApp) -> ASGIApp:
    """A gateway that takes its prefix away, as `proxy_pass http://leads/;` does."""

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        known: Any = {**scope, "path": scope["path"].removeprefix("/crm")}
        await app(known, receive, send)

    return stripped


def keeps(app: ASGIApp) -> ASGIApp:
    """A gateway that hands the path on as it is."""
    return app


def mounts(app: ASGIApp) -> ASGIApp:
    """An application that the service is mounted in: the path is whole, `root_path` says where (ASGI, HTTP scope)."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        known: Any = {**scope, "root_path": "/crm"}
        await app(known, receive, send)

    return mounted


def mounts_and_strips(app: ASGIApp) -> ASGIApp:
    """An older one, which takes the path apart."""
    return strips(mounts(app))


def mounts_with_a_slash(app: ASGIApp) -> ASGIApp:
    """One that was given its path with a slash at the end."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        known: Any = {**scope, "root_path": "/crm/"}
        await app(known, receive, send)

    return mounted


WAYS = [
    ("/crm", strips), ("/crm", keeps), ("", mounts), ("", mounts_and_strips), ("", mounts_with_a_slash),
    ("/crm", mounts), ("/crm", mounts_and_strips),
]  # fmt: skip


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0] or 'unset'} {way[1].__name__}")
async def below(request: pytest.FixtureRequest) -> Any:
    """The API as callers see it: below /crm."""
    root_path, between = request.param
    settings = Settings(api_key=KEY, root_path=root_path, webhook_allow_private=True)
    app = create_app(settings, mongo=AsyncMongoMockClient())
    async with running(app):
        transport = httpx.ASGITransport(app=between(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
            yield Api(http)


async def test_links_lead_below_the_path(below: Api) -> None:
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
    created = await below.post("/crm/api/leads", body)
    await below.post("/crm/api/leads", body)
    assert created.headers["Location"] == "/crm/api/leads/1"
    assert (await below.get(created.headers["Location"])).status_code == 200

    for start in ({"page": 1}, {"cursor": "*"}):
        page = await below.get("/crm/api/leads", limit=1, **start)
        following = page.headers["Link"].partition(">")[0].removeprefix("<")
        assert following.startswith("/crm/api/leads?")
        assert [lead["id"] for lead in (await below.get(following)).json()["data"]] == [1]


async def test_every_new_record_is_where_its_location_says(below: Api) -> None:
    transport = below.http._transport
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test/crm") as http:
        api = Api(http)
        ids = await make_records(api)
        for endpoint in ENDPOINTS:
            if endpoint.status == 201:
                made = await api.post(endpoint.at(ids), endpoint.sent(ids))
                assert made.status_code == 201, endpoint.name
                location = made.headers["Location"]
                assert location.startswith("/crm/api/"), endpoint.name
                assert (await below.get(location)).status_code == 200, endpoint.name


async def test_the_first_page_tells_where_things_are(below: Api) -> None:
    for path in ("/crm/", "/crm"):
        links = (await below.http.get(path)).json()["links"]
        assert links["api"] == "/crm/api"
        assert (await below.http.get(links["ready"])).status_code == 200


async def test_the_documentation_page_loads_from_below_the_path(below: Api) -> None:
    for path in ("/crm/docs", "/crm/docs/"):
        page = (await below.http.get(path)).text
        for name in ("swagger-ui.css", "page.css", "swagger-ui-bundle.js", "page.js", "favicon-32x32.png"):
            assert f'"/crm/docs/{name}"' in page
            assert (await below.http.get(f"/crm/docs/{name}")).status_code == 200
        assert 'data-document="/crm/openapi.json"' in page
    assert (await below.http.get("/crm/openapi.json")).json()["servers"] == [{"url": "/crm"}]


async def test_a_key_is_asked_for_below_the_path(below: Api) -> None:
    for path in ("/crm/api", "/crm/api/leads", "/crm/api/nothing"):
        assert (await below.http.get(path)).status_code == 401


async def test_a_path_that_only_begins_alike_is_another(below: Api) -> None:
    assert (await below.get("/crmx/api/leads")).status_code in {401, 404}


async def test_without_a_path_nothing_is_put_in_front(shared: Api) -> None:
    assert (await shared.http.get("/openapi.json")).json()["servers"] == [{"url": "/"}]
    assert (await shared.http.get("/")).json()["links"]["docs"] == "/docs"


async def test_a_path_with_signs_of_html_is_written_as_text() -> None:
    app: Any = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())
    transport = httpx.ASGITransport(app=app, root_path='/"><script>')
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        page = (await http.get("/docs")).text

    assert "<script>/" not in page
    assert "&quot;&gt;&lt;script&gt;/docs/page.js" in page
