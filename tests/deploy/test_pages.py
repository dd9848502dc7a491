"""The pages about running the service: their links lead somewhere, and what they show of the service is so."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from leads_api.leads.listing import INDEXES
from leads_api.settings import from_environment
from leads_api.setup import SHARD_KEYS
from tests.deploy.processes import DEPLOY
from tests.programs import program

ROOT = DEPLOY.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CODE_OF_CONDUCT.md", ROOT / "SECURITY.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
MONGODB = (ROOT / "docs" / "mongodb.md").read_text()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's titles, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_title(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page

        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_the_service_takes_every_address_of_a_database_that_the_page_shows(tmp_path: Path) -> None:
    addresses = re.findall(r"mongodb://[^`\s]+", MONGODB)
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=leads"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run([program("openssl"), *made, *files], check=True, capture_output=True)
    both = (tmp_path / "key.pem").read_text() + (tmp_path / "ca.pem").read_text()
    (tmp_path / "leads.pem").write_text(both)

    assert len(addresses) == 2
    for address in addresses:
        uri = address.replace("/run/secrets", str(tmp_path))
        assert from_environment({"LEADS_MONGODB_URI": uri}).mongodb_uri == uri


def test_the_page_about_mongodb_counts_the_indexes_and_tells_the_time_limit() -> None:
    assert f"the other {len(INDEXES) - 1} indexes" in MONGODB
    assert f"`LEADS_REQUEST_TIMEOUT` ({from_environment({}).request_timeout:g} s)" in MONGODB


def test_the_page_about_sharding_names_every_sharded_collection_with_its_key() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = dict(re.findall(r'sh\.shardCollection\("leads\.([\w.]+)", (\{.*?\})\)', page))

    assert {name: yaml.safe_load(key.replace(":", ": ")) for name, key in shown.items()} == SHARD_KEYS
