"""The documentation site in a browser, opened as files: it loads nothing from elsewhere, can be searched and read."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.test_look import CONTRASTS, WINDOWS
from tests.website.build import build

PAGES = ("index", "tutorial", "endpoints", "settings", "architecture", "performance", "comparison", "decisions/index")
TEXTS = (
    ".md-content p",
    ".md-content p code",
    ".md-content p a",
    ".md-content h1",
    ".md-content h2",
    ".md-content td",
    ".md-content th",
    ".md-tabs__link",
    ".md-nav__link",
    ".md-content pre code",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    folder: Path = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a new profile. Nothing may have been asked for elsewhere, nor complained of."""
    asked: list[str] = []
    complaints: list[str] = []
    async with await browser.new_context() as context:
        page = await context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert asked
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert complaints == []


async def test_the_search_finds_a_page_without_a_server(site: Path, page: Page) -> None:
    await page.goto(f"file://{site}/index.html")
    await page.get_by_placeholder("Search").click()
    await page.get_by_placeholder("Search").press_sequentially("backfill")

    first = page.locator(".md-search-result__link").first
    await expect(first).to_contain_text("Backfill")
    await first.click()
    await expect(page.locator("h1")).to_contain_text("Backfill from another CRM")


@pytest.mark.parametrize(("look", "scheme"), [("light", "default"), ("dark", "slate")])
async def test_the_pages_can_be_read_and_fit_a_phone(
    site: Path, page: Page, tmp_path: Path, look: Literal["light", "dark"], scheme: str
) -> None:
    await page.emulate_media(color_scheme=look)
    for name in PAGES:
        await page.goto(f"file://{site}/{name}.html")
        await expect(page.locator("body")).to_have_attribute("data-md-color-scheme", scheme)
        found = [text for text in TEXTS if await page.locator(text).count()]
        for window, viewport in WINDOWS.items():
            await page.set_viewport_size(viewport)
            await page.screenshot(path=tmp_path / f"{name.replace('/', '-')}-{window}.png")

            seen = await page.evaluate(CONTRASTS, found)
            assert [text for text in seen if text[2] < 4.5] == [], (name, window)
            root = "document.documentElement"
            assert await page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0, (name, window)
