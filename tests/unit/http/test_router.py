"""Finding endpoints, and what handlers may not rely on (app/leads_api/http/router.py)."""

from typing import Any
from urllib.parse import unquote

import litestar.router as routing
import pytest
from litestar import Litestar, Request, get, post
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send
from mongomock_motor import AsyncMongoMockClient

from leads_api.errors import MethodNotAllowed, NotFound, Unauthorized
from leads_api.http.endpoint import Part
from leads_api.http.exchange import Exchange
from leads_api.http.idempotency import Idempotency
from leads_api.http.router import Router
from leads_api.memory import Memory
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.validation.fields import Segment
from leads_api.validation.inputs import Inputs


class Nothing(ASGIMiddleware):
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        raise AssertionError


async def hook(_: Any) -> None:
    raise AssertionError


async def guard(*_: Any) -> None:
    raise AssertionError


def router(*handlers: HTTPRouteHandler | routing.Router) -> Router:
    inputs = Inputs(max_body_bytes=1000, defaults={}, lookups={}, dynamic={})
    idempotency = Idempotency(IdempotencyStore(AsyncMongoMockClient()["leads"]), Memory())
    return Router(Litestar(handlers, openapi_config=None).routes, {}, inputs, idempotency)


def things() -> Router:
    @get("/")
    async def about() -> str:
        return ""

    @get("/api/things")
    async def index() -> str:
        return ""

    @post("/api/things")
    async def create() -> str:
        return ""

    @get("/api/things/{thing_id:int}/parts/{part_id:int}")
    async def part(thing_id: FromPath[int], part_id: FromPath[int]) -> str:
        return ""

    @get("/api/things/named/{name:str}")
    async def named(name: FromPath[Segment]) -> str:
        return ""

    @get("/api/things/latest")
    async def latest() -> str:
        return ""

    return router(about, index, create, part, latest, named)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/", []), ("/api/things", []), ("/api/things/", []), ("/api/things/latest", []),
        ("/api/things/7/parts/9223372036854775807", [7, 2**63 - 1]),
    ],
)  # fmt: skip
def test_a_path_is_found_with_the_ids_in_it(path: str, ids: list[int]) -> None:
    assert things().at(path)[1] == ids


@pytest.mark.parametrize(
    ("raw_path", "name"),
    [
        (b"/api/things/named/a", "a"), (b"/api/things/named/a/", "a"), (b"/api/things/named/7", "7"),
        (b"/api/things/named/a%2F", "a/"), (b"/api/things/named/a%2Fb/", "a/b"), (b"/api/things/named/%2f", "/"),
        (b"/api/things/named/a%252Fb", "a%2Fb"), (b"/api/things/named/a+b%20c", "a+b c"),
        (b"/api/things/named/%20a%09", "a"), (b"/api/things/named/caf%C3%A9", "caf\u00e9"),
        (b"/api/things/named/{}", "{}"), (b"/api/things/named/%7Btext%7D", "{text}"), (b"/api/things/named/...", "..."),
        (b"/%61pi/things/n%61med/latest", "latest"), (b"/api/things/named/%EF%BF%BD", "\ufffd"),
        (b"/crm/api/things/named/a%2Fb", "a/b"), (b"/c%2Fd/e/api/things/named/a%2Fb", "a/b"),
        (b"/api/things/named/" + b"%C3%A9" * 150, "\u00e9" * 150),
    ],
)  # fmt: skip
def test_a_text_in_a_path_is_decoded_once_after_the_path_is_split(raw_path: bytes, name: str) -> None:
    path = unquote(raw_path.decode()).removeprefix("/crm").removeprefix("/c/d/e")

    assert things().at(path, raw_path)[1] == [name]


@pytest.mark.parametrize(
    "raw_path",
    [
        b"/api/things/named", b"/api/things/named/", b"/api/things/named//", b"/api/things/named/%20",
        b"/api/things/named/.", b"/api/things/named/..", b"/api/things/named/%2E", b"/api/things/named/%2e%2E",
        b"/api/things/named/%20.%20", b"/api/things/named/a/b", b"/api/things/named/a%00", b"/api/things/named/%7F",
        b"/api/things/named/%FF", b"/api/things/named/%C3", b"/api/things/named/" + b"%61" * 151,
        b"/api%2Fthings", b"/api/things%2F7/parts/1", b"/api/things/named%2Fa",
    ],
)  # fmt: skip
def test_what_is_no_text_of_a_record_or_hides_a_separator_is_not_found(raw_path: bytes) -> None:
    with pytest.raises(NotFound):
        things().at(unquote(raw_path.decode()), raw_path)


@pytest.mark.parametrize("raw_path", [b"", b"/other%20path", b"/%", b"/%2F/api/things/named/x%2Fy"])
def test_a_server_that_tells_no_fitting_raw_path_is_believed_about_the_path(raw_path: bytes) -> None:
    assert things().at("/api/things/named/a b", raw_path)[1] == ["a b"]


@pytest.mark.parametrize(
    "path",
    [
        "", "/api", "/api/thing", "*/api/things", "x/api/things", "api/things", "//api/things",
        "/api//things", "/api/things//", "/api/things/7", "/api/things/{}", "/api/things/{}/parts/1",
        "/api/things/0/parts/1", "/api/things/01/parts/1", "/api/things/-1/parts/1", "/api/things/+1/parts/1",
        "/api/things/1_0/parts/1", "/api/things/٣/parts/1", "/api/things/9223372036854775808/parts/1",
        "/api/things/1/parts/", "/api/things/ 1/parts/1", "/api/things" + "/" * 3000,
    ],
)  # fmt: skip
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        things().at(path)


async def test_nothing_below_api_is_answered_when_nobody_asked_for_the_key() -> None:
    async def unused(*_: object) -> Any:
        raise AssertionError

    scope: Any = {"method": "GET", "path": "/api/things", "query_string": b"", "headers": []}
    there, ids = things().at("/api/things")

    with pytest.raises(Unauthorized):
        await there.endpoint("GET")(Exchange(scope, unused, unused), ids)


def test_a_path_tells_its_methods() -> None:
    there, _ = things().at("/api/things")

    assert there.allow == "GET, HEAD, OPTIONS, POST"
    with pytest.raises(MethodNotAllowed) as refused:
        there.endpoint("DELETE")
    assert refused.value.headers == {"Allow": there.allow}


@pytest.mark.parametrize(
    "relied_on",
    [
        {"guards": [guard]},
        {"before_request": hook},
        {"after_request": hook},
        {"after_response": hook},
        {"middleware": [Nothing()]},
        {"dependencies": {"stock": Provide(hook)}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_handler_that_relies_on_what_would_not_run_is_refused(relied_on: dict[str, Any]) -> None:
    async def show() -> str:
        return ""

    below = routing.Router("/api", route_handlers=[get("/x")(show)], **relied_on)
    for handler in (get("/things", **relied_on)(show), below):
        with pytest.raises(TypeError, match=next(iter(relied_on))):
            router(handler)


async def test_a_handler_that_asks_for_what_it_would_not_be_given_is_refused() -> None:
    @get("/things")
    async def of_the_framework(request: Request[Any, Any, Any]) -> str:
        return ""

    @get("/things")
    async def unknown(stock: Part[object]) -> str:
        return ""

    for handler, name in ((of_the_framework, "request"), (unknown, "stock")):
        with pytest.raises(TypeError, match=name):
            router(handler)
