"""The documentation page, which works without internet access (contract, section 5)."""

import re
from html.parser import HTMLParser

import pytest

from tests.client import Api

EXTERNAL = re.compile(r"""(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}""", re.IGNORECASE)


class _References(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for name in ("src", "href", "action", "data") if (value := given.get(name))]
        self.inline += (tag == "script" and "src" not in given) + sum(name.startswith("on") for name in given)


async def references(api: Api) -> _References:
    parser = _References()
    parser.feed((await api.http.get("/docs")).text)
    return parser


async def test_the_page_is_html_and_needs_no_key(shared: Api) -> None:
    answer = await shared.http.get("/docs")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>Leads API</title>" in answer.text


async def test_the_page_refers_to_nothing_on_another_host(shared: Api) -> None:
    page = (await shared.http.get("/docs")).text

    assert EXTERNAL.findall(page) == []
    assert all(reference.startswith(("/docs/", "/openapi.json")) for reference in (await references(shared)).found)


async def test_all_that_the_page_loads_is_served_as_what_it_is(shared: Api) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".png": "image/png", ".json": "application/json"}
    found = (await references(shared)).found

    answers = {reference: await shared.http.get(reference) for reference in found}

    assert {answer.status_code for answer in answers.values()} == {200}
    assert {reference[reference.rindex(".") :] for reference in found} == set(kinds)
    for reference, answer in answers.items():
        assert answer.headers["Content-Type"].startswith(kinds[reference[reference.rindex(".") :]])
        assert len(answer.content) > 100


async def test_the_style_loads_nothing_from_elsewhere(shared: Api) -> None:
    styles = [reference for reference in (await references(shared)).found if reference.endswith(".css")]

    text = "".join([(await shared.http.get(style)).text for style in styles])

    assert len(styles) == 2
    assert all(url.strip("'\"").startswith("data:") for url in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text


async def test_the_start_shows_the_document_of_this_service_and_asks_no_foreign_validator(shared: Api) -> None:
    text = (await shared.http.get("/docs/page.js")).text

    assert EXTERNAL.findall(text) == []
    assert "dataset.document" in text
    assert "validatorUrl: null" in text
    assert (await shared.http.get("/openapi.json")).status_code == 200


async def test_a_policy_keeps_the_page_to_its_own_host(shared: Api) -> None:
    policy = (await shared.http.get("/docs")).headers["Content-Security-Policy"]

    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert directives["default-src"] == ["'self'"]
    assert "script-src" not in directives or "'unsafe-inline'" not in directives["script-src"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert EXTERNAL.findall(policy) == []


async def test_the_page_has_no_script_that_the_policy_forbids(shared: Api) -> None:
    assert (await references(shared)).inline == 0


@pytest.mark.parametrize("path", ["/docs/../asgi.py", "/docs/%2e%2e/settings.py", "/docs/index.html", "/docs/oauth2"])
async def test_nothing_else_of_the_disk_is_served(shared: Api, path: str) -> None:
    answer = await shared.http.get(path)

    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
