"""app/leads_api/mongo/substrings.py: what a search finds, without a database."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads_api.folding import letters
from leads_api.mongo.substrings import LONGEST_PIECE, occurring, pieces


def found(search: str, *texts: str | None) -> bool:
    """Tell whether the condition of a search holds for the pieces of some texts, as a server would."""
    condition = occurring(search)
    parts = [condition, *condition.get("$and", [])]
    stored = pieces(*texts)
    return all(_holds(part["search"], stored) for part in parts if "search" in part)


def _holds(condition: dict[str, Any], stored: list[str]) -> bool:
    assert condition.keys() == {"$regex"}  # any flag makes a server read the whole index
    expression = condition["$regex"]
    # Only the check of a long word goes without a range of the index, beside its beginning, which has one.
    assert expression.startswith("^") or len(expression) > LONGEST_PIECE
    return any(re.search(expression, piece) for piece in stored)


def test_pieces_are_all_endings_of_all_words_once() -> None:
    assert pieces("Acme", None, "acme me", "") == ["acme", "cme", "e", "me"]


def test_endings_are_cut_and_whole_words_are_kept() -> None:
    word = "".join(map(chr, range(0x4E00, 0x4E00 + LONGEST_PIECE + 2)))

    assert pieces(word) == sorted({word} | {word[start : start + LONGEST_PIECE] for start in range(len(word))})
    assert pieces(word[2:]) == [word[start:] for start in range(2, len(word))]


@pytest.mark.parametrize("letter", ["\ufb03", "\ufdfa", "\ufdf2", "\u3316", "\u0390", "\u1f82", "\U0001f600"])
def test_the_size_of_pieces_grows_with_the_length_of_a_word_and_not_with_its_square(letter: str) -> None:
    def size(length: int) -> int:
        # A letter in front of each makes all endings different.
        word = "".join(chr(0x4E00 + number) + letter for number in range(length // 2))
        return sum(len(piece.encode()) for piece in pieces(word))

    assert size(250) <= 250 * 4 * (LONGEST_PIECE + 1) * 4
    assert size(500) - size(250) <= 1.1 * (size(250) - size(100)) * 250 / 150


@pytest.mark.parametrize("length", [LONGEST_PIECE - 1, LONGEST_PIECE, LONGEST_PIECE + 1, 249, 250])
def test_a_long_word_is_found_by_each_of_its_parts_and_by_nothing_else(length: int) -> None:
    word = "".join(chr(0x4E00 + number) for number in range(250))

    for start in {0, 1, 250 - length}:
        part = word[start : start + length]
        assert found(part, word)
        assert not found(part[:-1] + "x", word)
        assert not found("x" + part[1:], word)
    assert not found("a" * (length + 1), "a" * length)  # all beginnings of its endings are there


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


def test_a_long_word_is_looked_up_by_its_beginning_before_it_is_checked() -> None:
    word = "x" * (LONGEST_PIECE + 1)

    assert occurring(word) == {"search": {"$regex": f"^{word[:-1]}"}, "$and": [{"search": {"$regex": word}}]}


TEXTS = st.text(st.sampled_from("aAbBéE.*$ß\u0301\U0001f600İłﬃハパﾊﾟ\u309a–"), min_size=1, max_size=6)
LONG_TEXTS = st.text(st.sampled_from("ab"), min_size=LONGEST_PIECE - 2, max_size=2 * LONGEST_PIECE)


@settings(derandomize=True, database=None, max_examples=300)
@given(st.tuples(TEXTS, TEXTS) | st.tuples(LONG_TEXTS, LONG_TEXTS | TEXTS))
def test_a_search_finds_what_holds_it_as_a_substring_and_nothing_else(texts: tuple[str, str]) -> None:
    text, search = texts
    words = letters(search).split() or search.split()

    expected = all(any(word in whole for whole in letters(text).split()) for word in words)

    assert found(search, text) is expected
