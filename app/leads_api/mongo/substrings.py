"""Substring search on an index: the array of word endings to store, and the query conditions on it.

A word occurs as a substring if one of the endings begins with it, which is a range of the index. Case and accents are
ignored, and no character is a wildcard or an operator.
"""

import re
import unicodedata
from typing import Any


def unaccented(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.casefold()
    # Compatibility forms such as full-width letters become the usual letter. A character that NFKC expands to several
    # stays as it is: otherwise a short text could have megabytes of endings.
    usual = "".join(form if len(form := unicodedata.normalize("NFKC", letter)) == 1 else letter for letter in text)
    decomposed = unicodedata.normalize("NFD", usual.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare)  # composes Korean syllables again


def pieces(*texts: str | None) -> list[str]:
    """Return every ending of every word of the texts."""
    words = {word for text in texts if text for word in unaccented(text).split()}
    return sorted({word[start:] for word in words for start in range(len(word))})


def occurring(search: str) -> dict[str, Any]:
    """Return the query condition that every word of a search occurs; the longest word, the most selective, is first.

    An anchored regular expression is an exact range of the index, so a count reads index entries only. Two bounds
    within `$elemMatch` would make the server read each document as well. The expression is sent as text, because a
    compiled one carries flags, with which the server reads the whole index.
    """
    # A search of accents only has no words. It is used as it is, which matches nothing; it must not match everything.
    words = sorted(set(unaccented(search).split() or search.split()), key=lambda word: (-len(word), word))
    beginnings = [{"search": {"$regex": f"^{re.escape(word)}"}} for word in words]
    match beginnings:
        case [] | [_]:
            return dict(*beginnings)
        case [first, *others]:
            return {**first, "$and": others}
    raise AssertionError("unreachable")
