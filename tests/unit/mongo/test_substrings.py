"""app/leads_api/mongo/substrings.py: what a search finds, without a database."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads_api.mongo.substrings import occurring, pieces, unaccented


def found(search: str, *texts: str | None) -> bool:
    """Tell whether the condition of a search holds for the pieces of some texts, as a server would."""
    condition = occurring(search)
    parts = [condition, *condition.get("$and", [])]
    stored = pieces(*texts)
    return all(_holds(part["search"], stored) for part in parts if "search" in part)


def _holds(condition: dict[str, Any], stored: list[str]) -> bool:
    assert condition.keys() == {"$regex"}  # any flag makes a server read the whole index
    expression = condition["$regex"]
    assert expression.startswith("^")
    return any(re.search(expression, piece) for piece in stored)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Acme", "acme"), ("CAFÉ", "cafe"), ("Müller", "muller"), ("Straße", "strasse"), ("İstanbul", "istanbul"),
        ("ｆｕｌｌ", "full"), ("e\u0301", "e"), ("Ωmega", "ωmega"), ("ñandú", "nandu"), ("日本", "日本"), ("", ""),
        ("한국", "한국"), ("ﬁne", "fine"), ("½ €", "½ €"), ("ﾊﾝ", "ハン"), ("ℍ", "h"),
    ],
)  # fmt: skip
def test_case_and_accents_do_not_count(text: str, folded: str) -> None:
    assert unaccented(text) == folded


def test_pieces_are_all_endings_of_all_words_once() -> None:
    assert pieces("Acme", None, "acme me", "") == ["acme", "cme", "e", "me"]


@pytest.mark.parametrize("letter", ["\u3316", "\ufb03", "\ufdfa", "\u0390", "\u1f82"])
def test_a_letter_made_of_many_does_not_multiply(letter: str) -> None:
    assert sum(map(len, pieces(letter * 250))) <= 3 * 250 * (3 * 250 + 1) / 2


@pytest.mark.parametrize(
    ("search", "texts", "expected"),
    [
        ("acme", ["Acme Inc"], True),
        ("cm", ["Acme Inc"], True),
        ("E", ["Acme Inc"], True),
        ("inc acme", ["Acme Inc"], True),
        ("acme jane", ["Acme Inc", "jane@acme.example"], True),
        ("acme acme", ["Acme"], True),
        ("acmei", ["Acme Inc"], False),
        ("acme zebra", ["Acme Inc"], False),
        ("cafe", ["Café Müller"], True),
        ("CAFÉ", ["cafe"], True),
        ("strasse", ["Lange Straße"], True),
        ("@acme.example", ["jane@acme.example"], True),
        (".*", ["Acme"], False),
        (".*", ["a.*b"], True),
        ("^acme", ["Acme"], False),
        ("%", ["100"], False),
        ("%", ["100%"], True),
        ("$gt", ["x"], False),
        ("\U0001f600", ["smile \U0001f600!"], True),
        ("本", ["日本語"], True),
        ("국", ["한국 전자"], True),
        ("하", ["한국 전자"], False),
        ("", ["Acme"], True),
        ("  ", ["Acme"], True),
        ("a", [None, ""], False),
        ("\u0301", ["Acme", "Caf\u00e9"], False),
    ],
)
def test_every_word_must_occur_as_a_substring(search: str, texts: list[str | None], expected: bool) -> None:
    assert found(search, *texts) is expected


def test_the_longest_word_comes_first_and_repeats_once() -> None:
    condition = occurring("me acme me")

    assert condition == {"search": {"$regex": "^acme"}, "$and": [{"search": {"$regex": "^me"}}]}


def test_no_word_is_no_condition() -> None:
    assert occurring(" \t ") == {}


def test_one_word_is_one_condition() -> None:
    assert occurring("acme").keys() == {"search"}


letters = st.text(st.sampled_from("aAbBéE.*$ß\u0301\U0001f600İ"), min_size=1, max_size=6)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(text=letters, search=letters)
def test_a_search_finds_what_holds_it_as_a_substring_and_nothing_else(text: str, search: str) -> None:
    words = unaccented(search).split() or search.split()

    expected = all(any(word in whole for whole in unaccented(text).split()) for word in words)

    assert found(search, text) is expected
