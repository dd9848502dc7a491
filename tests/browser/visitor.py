"""What a visitor does with the documentation page, in the words of the page."""

import json
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request, Response

from leads_api.testing import LeadsService

FORM = "application/x-www-form-urlencoded"
PATIENCE = 60.0
"""Seconds for a step of the page: the machine may be busy."""


class Visitor:
    """Somebody who has opened the page."""

    def __init__(self, page: Page, service: LeadsService) -> None:
        self.page = page
        self.service = service
        self.complaints: list[str] = []
        """What must not happen: errors in the console, and requests to other hosts."""
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", self._watch)

    async def arrive(self) -> None:
        """Open the page, and wait until it shows the endpoints."""
        await self.page.goto(f"{self.service.url}/docs")
        await self.page.locator(".opblock").first.wait_for()

    async def authorise(self, key: str) -> None:
        await self.page.get_by_role("button", name="Authorize").click()
        dialog = self.page.locator(".dialog-ux")
        await dialog.get_by_role("textbox").fill(key)
        await dialog.get_by_role("button", name="Apply credentials").click()
        await dialog.get_by_role("button", name="Close").last.click()

    async def open(self, endpoint: str) -> "Endpoint":
        """Open an endpoint by its operation id."""
        block = self.page.locator(f".opblock[id$='-{endpoint}']")
        await block.locator(".opblock-summary-control").click()
        await block.get_by_role("button", name="Execute").wait_for()
        return Endpoint(block)

    async def hidden_width(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser reports each response of 400 and above as an error of the console. Those of the API are no
        # fault of the page: a visitor asks for them.
        of_the_api = urlsplit(message.location["url"]).path.startswith("/api/")
        if message.type in {"error", "warning"} and not (of_the_api and "Failed to load resource" in message.text):
            self.complaints.append(f"{message.type}: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((f"{self.service.url}/", "data:", "blob:")):
            self.complaints.append(f"foreign request: {request.url}")


class Endpoint:
    """An open endpoint of the page."""

    def __init__(self, block: Locator) -> None:
        self.block = block

    async def fill(self, **parameters: str) -> None:
        """Fill in parameters of path, query and head."""
        for name, value in parameters.items():
            await self.block.locator(f"tr[data-param-name='{name}'] input").fill(value)

    async def choose(self, media_type: str) -> None:
        await (
            self.block.locator(".opblock-section-request-body").get_by_role("combobox").first.select_option(media_type)
        )

    async def write(self, body: object) -> None:
        """Write a JSON body."""
        await self.block.locator("textarea.body-param__text").fill(json.dumps(body))

    def field(self, name: str) -> Locator:
        """Return what belongs to a field of a form."""
        return self.block.locator(f"tr[data-property-name='{name}']")

    async def execute(self) -> tuple[Response, Any]:
        """Send the request; return its response, and what the page shows as the response's body."""
        async with self.block.page.expect_response(lambda response: "/api/" in response.url) as sent:
            await self.block.get_by_role("button", name="Execute").click()
        response = await sent.value
        shown = self.block.locator(".live-responses-table")
        await shown.locator(".response-col_status", has_text=str(response.status)).wait_for()
        # An earlier response may still be shown, but not with this id.
        await shown.get_by_text(response.headers["x-request-id"]).wait_for()
        return response, json.loads(await shown.locator(".highlight-code code, .highlight-code pre").first.inner_text())

    async def curl(self) -> str:
        """Return the curl command that the page shows."""
        return await self.block.locator(".curl-command pre, pre.curl").first.inner_text()
