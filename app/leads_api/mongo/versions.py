"""Optimistic concurrency: the condition that a document still has the version that a caller has seen.

The condition is part of the filter of the write, so no other write can come between check and write.
"""

from leads_api.errors import PreconditionFailed
from leads_api.mongo.client import Document

Versions = frozenset[int] | None
"""The versions in which a document may be written; None stands for any."""

_FIRST = 1
"""The version of a document without one, which is how documents of earlier versions are read."""


def condition(versions: Versions) -> Document:
    """Return the part of a filter that only documents in one of these versions match."""
    if versions is None:
        return {}
    return {"version": {"$in": [*versions, None] if _FIRST in versions else [*versions]}}


def require(document: Document, versions: Versions) -> None:
    """Raise PreconditionFailed unless a document is in one of these versions."""
    if versions is not None and (document.get("version") or _FIRST) not in versions:
        raise PreconditionFailed
