"""The page of guarantees names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_guarantees_name_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "guarantees.md").read_text()))

    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_test_of_faults_is_named() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()

    assert [path.name for path in ROOT.glob("tests/faults/test_*.py") if path.name not in text] == []
