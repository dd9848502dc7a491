"""What a lead becomes when others are merged into it (contract, "Merge")."""

from collections.abc import Iterator, Mapping
from typing import Any

from leads_api.comments.store import CommentLimits
from leads_api.leads.folded import SEARCHED, distinct_tags, folded
from leads_api.leads.model import EXTERNAL_KEY, FIELDS, MAX_ASSIGNEES, MAX_TAGS, external_key
from leads_api.mongo.client import Document
from leads_api.mongo.long_values import LARGEST_DOCUMENT, size_of
from leads_api.mongo.substrings import pieces

_FILLED = [path for path in FIELDS.values() if path not in {"title", "status", "category"}]
"""The paths that are filled where the lead has nothing. Custom fields are filled, too."""

_REST_BYTES = 512 * 1024
"""More than `search` has, which is computed from three short texts, and what a write adds."""


class Combined:
    """A lead to which others are added, one by one."""

    def __init__(self, lead: Document, limits: CommentLimits) -> None:
        """`lead` is the document with its comments and without `search`; `limits` are those of its comments."""
        self._lead = lead
        self._limits = limits
        self._filled: dict[str, Any] = {}
        self._tags = distinct_tags(lead.get("tags") or ())
        self._assigned = dict.fromkeys(lead.get("assigned") or ())
        self._comments: list[Document] = lead.get("comments") or []
        self._before = len(self._tags), len(self._assigned), len(self._comments)
        self._count = len(self._comments)
        self._size = _size(self._comments)

    def add(self, other: Document) -> None:
        """Add a lead, given as its document with its comments."""
        for path, value in _values(other).items():
            if value is not None and path not in self._filled and _at(self._lead, path) is None:
                self._filled[path] = value
        self._tags = distinct_tags([*self._tags.values(), *(other.get("tags") or ())])
        self._assigned |= dict.fromkeys(other.get("assigned") or ())
        comments = other.get("comments") or []
        self._count += len(comments)
        self._size += _size(comments)
        if not self._has_too_many_comments:  # else they are not written, and need not be kept in memory
            self._comments = [*self._comments, *comments]

    def excesses(self) -> Iterator[str]:
        """Yield a text for each limit that would be exceeded because of the others."""
        tags, assigned, comments = self._before
        if len(self._tags) > max(MAX_TAGS, tags):
            yield f"A lead must not have more than {MAX_TAGS} tags: merge fewer leads."
        if len(self._assigned) > max(MAX_ASSIGNEES, assigned):
            yield f"A lead must not have more than {MAX_ASSIGNEES} assignees: merge fewer leads."
        if self._count > comments and self._has_too_many_comments:
            yield (
                f"A lead must not have more than {self._limits.count} comments, and they must not be greater than"
                f" {self._limits.size} bytes together: merge fewer leads."
            )

        if self._bytes() > LARGEST_DOCUMENT - _REST_BYTES:
            yield "The leads are larger together than the database can keep in one record: merge fewer leads."

    def _bytes(self) -> int:
        """Return about how large the lead becomes; never less, if _REST_BYTES are added."""
        values = self.values()
        return size_of(values) + size_of({name: self._lead[name] for name in self._lead if name not in values})

    def values(self) -> dict[str, Any]:
        """Return what is to be set, by path."""
        values = self._filled | folded(self._filled)
        if (key := external_key(values)) is not None:
            values[EXTERNAL_KEY] = key
        tags, assigned, comments = self._before
        if any(path in values for path in SEARCHED):
            values["search"] = pieces(*(values.get(path) or _at(self._lead, path) for path in SEARCHED))
        if len(self._tags) > tags:
            values |= {"tags": list(self._tags.values()), "folded.tags": list(self._tags)}
        if len(self._assigned) > assigned:
            values["assigned"] = list(self._assigned)
        if self._count > comments:
            in_order = sorted(self._comments, key=lambda comment: comment.get("id") or 0)
            values |= {"comments": in_order, "comments_count": self._count, "comments_bytes": self._size}
        return values

    @property
    def _has_too_many_comments(self) -> bool:
        return self._count > self._limits.count or self._size > self._limits.size


def _values(lead: Document) -> dict[str, Any]:
    """Return what a lead can fill another one with, by path."""
    custom: Mapping[str, Any] = lead.get("custom") or {}
    return {path: _at(lead, path) for path in _FILLED} | {f"custom.{field}": custom[field] for field in custom}


def _at(lead: Document, path: str) -> Any:
    outer, _, inner = path.partition(".")
    return (lead.get(outer) or {}).get(inner) if inner else lead.get(outer)


def _size(comments: list[Document]) -> int:
    return sum(len((comment.get("text") or "").encode()) for comment in comments)
