"""A browser, a service, and a visitor of its documentation page."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from leads_api.testing import LeadsService, running_service
from tests.browser.visitor import Visitor
from tests.programs import program


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium, which starts once."""
    chromium = program("chromium")
    async with async_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, which CI is.
        browser = await playwright.chromium.launch(executable_path=chromium, chromium_sandbox=False)
        yield browser
        await browser.close()


@pytest.fixture
def service() -> Iterator[LeadsService]:
    """A service with an empty database."""
    with running_service() as service:
        yield service


@pytest.fixture
async def visitor(browser: Browser, service: LeadsService) -> AsyncIterator[Visitor]:
    """A visitor in the dark, who has opened the page in a new profile. At the end there must be no complaint."""
    async with await browser.new_context(color_scheme="dark") as context:
        visitor = Visitor(await context.new_page(), service)
        await visitor.arrive()
        yield visitor
        assert visitor.complaints == []
