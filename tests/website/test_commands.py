"""What pages tell to run is there, also where it cannot be run here: targets, commands, services, files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from leads_api.cli.commands import LEADS, Group
from tests.website.build import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SERVICES = set(yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"])


def lines(page: Path) -> Iterator[str]:
    """Return the lines of a page's shell examples; one that goes on is one line."""
    for _, language, block in BLOCK.findall(page.read_text()):
        if language in {"", "sh", "bash"}:
            yield from block.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_are_there(page: Path) -> None:
    told = re.findall(r"`make ([a-z][a-z -]*)", page.read_text()) + [
        match[1] for line in lines(page) if (match := re.match(r"\s*make ([a-z][a-z -]*)", line))
    ]

    assert {target for targets in told for target in targets.split()} <= TARGETS


def is_command(words: list[str]) -> bool:
    """Tell whether `leads` has a command."""
    entry: object = LEADS
    for word in words:
        if not isinstance(entry, Group):
            return True  # an argument
        if word not in entry.commands:
            return False
        entry = entry.commands[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_leads_are_there(page: Path) -> None:
    if page.name == "commands.md":  # tests/unit/cli/test_help.py compares it
        return
    told = [
        [word for word in match[1].split() if re.fullmatch("[a-z]+", word)][:2]
        for line in lines(page)
        if (match := re.match(r"\s*(?:\w+=\S+ )*(?:docker compose exec leads |\S+/bin/)?leads ([a-z -]+)", line))
    ]

    assert [words for words in told if words and not is_command(words)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_services_of_the_compose_file_are_there(page: Path) -> None:
    for line in lines(page):
        if match := re.search(r"docker compose (?:exec|run|stop|start|logs)((?: [^'\"]+)?)", line):
            assert set(match[1].split()) & SERVICES, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_for_deployment_are_there(page: Path) -> None:
    for path in re.findall(r"(?<![/\w])deploy/[\w./-]*\w", page.read_text()):
        made = path.startswith("deploy/tls")  # by who runs it
        test = "/test_" in path  # of tests/deploy
        assert made or test or (ROOT / path).exists(), path
