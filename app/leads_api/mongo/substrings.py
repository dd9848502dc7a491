"""Substring search on an index: an array of word endings, and the conditions that look into it.

A word occurs as a substring where one of the endings begins with it: a range of the index. Case and accents do not
count, and nothing in a word is a wildcard or an operator.
"""

import re
import unicodedata
from typing import Any


def unaccented(text: str) -> str:
    """Return text as it is searched in: the same in any case and with any accents."""
    if text.isascii():
        return text.casefold()
    # Full-width forms and the like become the usual letter; what would become several stays one, or a short text would
    # have endings by the megabyte.
    usual = "".join(form if len(form := unicodedata.normalize("NFKC", letter)) == 1 else letter for letter in text)
    decomposed = unicodedata.normalize("NFD", usual.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare)  # the syllables of Korean are whole again


def pieces(*texts: str | None) -> list[str]:
    """Return every ending of every word of some texts."""
    words = {word for text in texts if text for word in unaccented(text).split()}
    return sorted({word[start:] for word in words for start in range(len(word))})


def occurring(search: str) -> dict[str, Any]:
    """Return the condition that every word of a search occurs; the longest first, as it selects most.

    An anchored expression is an exact range of the index: a count reads index entries only, where two bounds within
    `$elemMatch` make the server look at each document as well. It is sent as text: a compiled one would carry flags,
    with which the server reads the whole index.
    """
    # Nothing but accents is looked for as it is, which nothing has: it must not find everything.
    words = sorted(set(unaccented(search).split() or search.split()), key=lambda word: (-len(word), word))
    beginnings = [{"search": {"$regex": f"^{re.escape(word)}"}} for word in words]
    match beginnings:
        case [] | [_]:
            return dict(*beginnings)
        case [first, *others]:
            return {**first, "$and": others}
    raise AssertionError("unreachable")
