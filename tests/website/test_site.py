"""The documentation site: it builds without a warning, loads nothing from another host, and can be searched."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.programs import program
from tests.website.build import ROOT, build
from website.hooks import OUTSIDE

SOURCES = (
    "mkdocs.yml",
    "website",
    "docs",
    "app",
    "bench/soak.png",
    *(name for name in OUTSIDE if name.endswith(".md")),
)
CONFIGURATION = (ROOT / "mkdocs.yml").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    folder: Path = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the site is made from."""
    folder = tmp_path / "checkout"
    for name in SOURCES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    return folder


def test_every_page_of_the_repository_is_a_page_of_the_site(site: Path) -> None:
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    pages |= {target for target in OUTSIDE.values() if target.endswith(".md")}

    assert {str(path.relative_to(site)) for path in site.rglob("*.html")} >= {
        page.removesuffix(".md") + ".html" for page in pages
    }


def test_the_search_fails_for_no_word_of_the_pages(site: Path) -> None:
    done = subprocess.run(
        [program("node"), str(Path(__file__).with_name("search.cjs")), str(site)],
        stdout=subprocess.PIPE, text=True, check=True, timeout=240,
    )  # fmt: skip
    told = json.loads(done.stdout)

    assert told["asked"] > 1000
    assert told["failed"] == []


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loading = re.compile(
        r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?(?:src|srcset|data)=[\"']?([^\"' >]+)"
        r"|<link\b[^>]*?href=[\"']?([^\"' >]+)"
    )
    found = []
    for page in site.rglob("*.html"):
        for match in loading.findall(page.read_text()):
            found += [(page.name, link) for link in match if re.match(r"(?:[a-z]+:)?//", link)]
    for sheet in site.rglob("*.css"):
        links = re.findall(r"(?:url\(|@import\s+)[\"']?((?:[a-z]+:)?//[^\"')]+)", sheet.read_text())
        found += [(sheet.name, link) for link in links]

    assert list(site.rglob("*.css"))
    assert found == []


def test_a_link_of_the_repository_leads_to_the_page_and_a_file_that_is_no_page_is_only_named(site: Path) -> None:
    testing, releasing = ((site / f"{name}.html").read_text() for name in ("testing", "releasing"))

    assert 'href="security.html"' in releasing
    assert "examples/pytest" in testing
    assert 'href="../' not in re.sub(r'href="\.\./"', "", testing)


def test_the_decisions_are_listed(site: Path) -> None:
    listed = re.findall(r'<li><a href="(\d{4}-[^"]+)\.html">', (site / "decisions" / "index.html").read_text())

    assert listed == sorted(path.stem for path in (ROOT / "docs" / "decisions").glob("*.md"))


def test_the_search_knows_every_page_also_without_a_server(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}

    assert {"endpoints.html", "tutorial.html", "decisions/0023-events-from-the-change-stream.html"} <= found
    assert (site / "search" / "search_index.js").read_text().startswith("var __index = ")


def test_mistakes_fail_the_build_and_are_named(copy: Path, tmp_path: Path) -> None:
    for page, text in {
        "tutorial.md": "[nowhere](nowhere-1.md), [no title](events.md#no-such-title)",
        "decisions/0001-own-input-checks.md": "[nowhere](../../nowhere-2.md)",
        "orphan.md": "# A page that the navigation does not have",
    }.items():
        with (copy / "docs" / page).open("a") as file:
            file.write(f"\n{text}\n")

    done = build(tmp_path / "site", copy)

    assert done.returncode == 1
    assert all(told in done.stdout for told in ("nowhere-1.md", "#no-such-title", "nowhere-2.md", "orphan.md"))


def test_every_page_is_in_the_navigation_once() -> None:
    pages = re.findall(r": (\S+\.md)$", CONFIGURATION.partition("\nnav:\n")[2], re.MULTILINE)

    assert len(pages) == len(set(pages))
    assert yaml.safe_load(CONFIGURATION.replace("!ENV", ""))["strict"] is True
