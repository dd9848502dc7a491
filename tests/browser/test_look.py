"""How the documentation page looks: in light and dark, on a desktop and on a phone.

The screenshots stay in pytest's temporary folder, for people to look at.
"""

from pathlib import Path

from playwright.async_api import Locator, ViewportSize

from tests.browser.visitor import FORM, Visitor

WINDOWS = {"desktop": ViewportSize(width=1280, height=900), "phone": ViewportSize(width=390, height=844)}
TEXTS = (
    ".info p",
    ".info code",
    ".opblock-summary-path",
    ".opblock-summary-description",
    ".opblock-description p",
    ".opblock-section-header h4",
    ".parameters-col_description p",
    ".parameters-col_description input",
    ".response-col_status",
    ".response-col_description p",
    ".headers td",
    ".highlight-code code",
)
CONTRASTS = """texts => texts.map(text => {
  const channels = color => color.match(/[0-9.]+/g).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a));
  const luminance = color => color
    .map(value => value / 255)
    .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);

  const element = document.querySelector(text);
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.unshift(channels(getComputedStyle(at).backgroundColor));
  const background = layers.reduce((under, color) => over(color, under), [255, 255, 255]);
  const two = [background, over(channels(getComputedStyle(element).color), background)].map(luminance);
  return [text, two[0], (Math.max(...two) + 0.05) / (Math.min(...two) + 0.05)];
})"""
"""For each text, how light its background is (0 to 1), and its contrast with that (WCAG 2.2, 1.4.3)."""

SMALLEST = 24
"""Pixels of the sides of a button (WCAG 2.2, 2.5.8)."""


async def outside(visitor: Visitor, controls: Locator) -> list[str]:
    """Return the visible controls that are cut off, or too small to be hit."""
    assert visitor.page.viewport_size
    width = visitor.page.viewport_size["width"]
    boxes = [(control, await control.bounding_box()) for control in await controls.all()]
    return [
        f"{await control.inner_text()} {box}"
        for control, box in boxes
        if box and (box["x"] < 0 or box["x"] + box["width"] > width or min(box["width"], box["height"]) < SMALLEST)
    ]


async def test_the_page_is_readable_in_dark_and_light_and_fits_a_phone(visitor: Visitor, tmp_path: Path) -> None:
    create = await visitor.open("create_lead")
    await create.choose(FORM)
    await create.execute()
    controls = create.block.locator("button.btn, select, input[type=text]")
    for window, viewport in WINDOWS.items():
        await visitor.page.set_viewport_size(viewport)
        for look in ("dark", "light"):
            await visitor.page.emulate_media(color_scheme=look)
            await visitor.page.screenshot(path=tmp_path / f"{window}-{look}.png")
            await create.block.screenshot(path=tmp_path / f"{window}-{look}-endpoint.png")

            seen = await visitor.page.evaluate(CONTRASTS, TEXTS)
            assert [text for text in seen if text[2] < 4.5] == [], (window, look)
            if look == "dark":
                assert [text for text in seen if text[1] > 0.2] == [], window
            assert await visitor.hidden_width() <= 0, (window, look)
            assert await outside(visitor, controls) == [], (window, look)
