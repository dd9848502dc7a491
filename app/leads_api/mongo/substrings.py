"""Substring search on an index: the array of word endings to store, and the query conditions on it.

A word occurs as a substring if one of the endings begins with it, which is a range of the index. Case and accents are
ignored, and no character is a wildcard or an operator.
"""

import re
from collections.abc import Iterator
from typing import Any

from leads_api.folding import letters

LONGEST_PIECE = 32
"""Endings are cut after so many characters. Without a limit, their size grows with the square of a word's length."""


def pieces(*texts: str | None) -> list[str]:
    """Return the beginning of every ending of every word of the texts, and the whole words."""
    words = {word for text in texts if text for word in letters(text).split()}
    endings = {word[start:] for word in words for start in range(len(word))}
    if max(map(len, words), default=0) > LONGEST_PIECE:
        endings = words | {ending[:LONGEST_PIECE] for ending in endings}
    return sorted(endings)


def occurring(search: str) -> dict[str, Any]:
    """Return the query condition that every word of a search occurs; the longest word, the most selective, is first.

    An anchored regular expression is an exact range of the index, so a count reads index entries only. Two bounds
    within `$elemMatch` would make the server read each document as well. The expression is sent as text, because a
    compiled one carries flags, with which the server reads the whole index.
    """
    # A search of accents only has no words. It is used as it is, which matches nothing; it must not match everything.
    words = sorted(set(letters(search).split() or search.split()), key=lambda word: (-len(word), word))
    conditions = [{"search": {"$regex": expression}} for word in words for expression in _expressions(word)]
    match conditions:
        case [] | [_]:
            return dict(*conditions)
        case [first, *others]:
            return {**first, "$and": others}
    raise AssertionError("unreachable")


def _expressions(word: str) -> Iterator[str]:
    yield f"^{re.escape(word[:LONGEST_PIECE])}"
    if len(word) > LONGEST_PIECE:  # the index finds the candidates; the whole words, which are stored as well, decide
        yield re.escape(word)
