"""The copies of a lead's texts in the forms in which they are compared; the queries of the list use them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leads_api.folding import caseless, caseless_email, letters, phone_digits
from leads_api.mongo.client import Document
from leads_api.mongo.substrings import pieces

_COPIES: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "title": ("folded.title", lambda title: letters(title) or title),  # of accents only: cursors need a key
    "contact.email": ("folded.email", caseless_email),
    "source": ("folded.source", caseless),
    "contact.phone": ("folded.phone", phone_digits),
    "contact.company_name": ("folded.company_name", caseless),
    "contact.last_name": ("folded.last_name", caseless),
}

COPIED = (*_COPIES, "tags")
"""The paths that copies are computed from."""
COPIES = (*(copy for copy, _ in _COPIES.values()), "folded.tags", "search")
"""The paths of the copies."""

SEARCHED = ("title", "contact.company_name", "contact.email")
"""The paths that `search` is computed from."""


def folded(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the copies of values by path, by the paths of the copies."""
    return {
        copy: None if values[path] is None else fold(values[path])
        for path, (copy, fold) in _COPIES.items()
        if path in values
    }


def distinct_tags(tags: Iterable[str]) -> dict[str, str]:
    """Return the first of the tags that are the same, by their form."""
    distinct: dict[str, str] = {}
    for tag in tags:
        distinct.setdefault(caseless(tag), tag)
    return distinct


def refolded(document: Document) -> Document:
    """Return the update that computes the copies and `search` of a stored lead again."""
    outer: Mapping[str, Document] = {"": document, "contact": document.get("contact") or {}}
    values = {path: outer[path.rpartition(".")[0]].get(path.rpartition(".")[2]) for path in _COPIES}
    tags = list(distinct_tags(document.get("tags") or ()))
    return {"$set": {**folded(values), "folded.tags": tags, "search": pieces(*(values[path] for path in SEARCHED))}}
