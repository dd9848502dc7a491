"""The pages and plots that come from the code, the OpenAPI document and the benchmark are as these are."""

import json
import re

import pytest

from tests.website.build import ROOT
from website.endpoints import DOCUMENT, reference
from website.plots import SERVERS, figures, plots
from website.settings import PAGE, updated

ANEW = "run `make reference`"
OPENAPI = json.loads(DOCUMENT.read_text())


def test_the_page_of_endpoints_is_as_the_document() -> None:
    assert (ROOT / "docs" / "endpoints.md").read_text() == reference(OPENAPI), ANEW


def test_the_page_of_endpoints_has_each_with_its_parameters_and_fields() -> None:
    page = (ROOT / "docs" / "endpoints.md").read_text()
    for path, item in OPENAPI["paths"].items():
        for method, spec in item.items():
            section = page.partition(f"\n### {spec['summary']}\n")[2].partition("\n### ")[0]
            assert f"`{method.upper()} {path}`" in section
            for parameter in spec.get("parameters", []):
                assert f"`{parameter['name']}`" in section, (method, path)
            body = spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for field in (
                OPENAPI["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {}).get("required", [])
            ):
                assert re.search(rf"`{field}` \| required", section), (method, path)


def test_the_page_of_settings_is_as_the_code() -> None:
    assert PAGE.read_text() == updated(PAGE.read_text()), ANEW


def test_a_changed_setting_is_written_anew() -> None:
    page = PAGE.read_text()

    assert updated(page.replace("| `25` |", "| `26` |")) == page


@pytest.mark.parametrize("name", plots())
def test_a_plot_shows_the_figures_of_the_results(name: str) -> None:
    assert (ROOT / "docs" / "images" / name).read_text() == plots()[name], ANEW


def test_the_page_about_performance_tells_the_shares_of_the_results() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    cells = re.findall(
        r"^\| [^|]+ \| ([\d.]+) \(([\d.]+)\) \| ([\d.]+) \(([\d.]+)\) \| ([\d.]+) \|$", text, re.MULTILINE
    )
    results = (ROOT / "bench" / "RESULTS.md").read_text()
    both = ("leads", "leads-pymongo")
    of_image = figures(results, "CPU ms/request", (*both, "go"))
    beside_all = figures(results, "CPU ms/request", (*both, *SERVERS))
    operations = (
        "get", "create", "list", "status_list", "pages", "search", "patch", "status", "comment", "convert",
        "invalid", "mix",
    )  # fmt: skip

    assert [[float(cell) for cell in row] for row in cells] == [
        [
            *(round(of_image[name][service] / of_image[name]["go"], 2) for service in both),
            *(round(beside_all[name][service] / beside_all[name]["go"], 2) for service in both),
            round(beside_all[name]["leads"] / beside_all[name]["beanie"], 2),
        ]
        for name in operations
    ]
