"""What an entry of the change stream says: which change of which lead, by whom, and which fields it changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from leads_api.catalog.cache import Snapshot
from leads_api.events.model import DELETED
from leads_api.leads.model import Address, Contact, Lead
from leads_api.mongo.client import Document

INVALIDATE = "invalidate"
"""The operation of the entry that ends a stream: the collection was dropped or renamed."""

PIPELINE: list[Document] = [
    {
        "$match": {
            "$or": [
                {"operationType": {"$in": ["insert", "delete", INVALIDATE]}},
                # Every change of a lead raises its version. Other updates (locks, migrations, clean-ups) do not.
                {"operationType": "update", "updateDescription.updatedFields.version": {"$exists": True}},
            ]
        }
    },
    {
        "$project": {
            "operationType": 1,
            "clusterTime": 1,
            "wallTime": 1,
            "documentKey": 1,
            "inserted": {"version": "$fullDocument.version", "change": "$fullDocument.change"},
            "updated": {
                "version": "$updateDescription.updatedFields.version",
                "change": "$updateDescription.updatedFields.change",
            },
            # The paths without the values, which may be long.
            "set": {
                "$map": {
                    "input": {"$objectToArray": {"$ifNull": ["$updateDescription.updatedFields", {}]}},
                    "in": "$$this.k",
                }
            },
            "removed": "$updateDescription.removedFields",
            "truncated": "$updateDescription.truncatedArrays.field",
        }
    },
]
"""The part of the stream that is about leads, and of each entry only what an event needs."""

_PARTS = {"contact": Contact.__struct_fields__, "address": Address.__struct_fields__}
_UNTOLD = {"id", "dates", "version", "custom_fields"}
_TOLD = [
    name
    for field in Lead.__struct_fields__
    if field not in _UNTOLD
    for name in ([f"{field}.{part}" for part in _PARTS[field]] if field in _PARTS else [field])
]
"""The names of shown fields, in the order of the lead, without custom fields and what every change changes."""


class Change(Struct, frozen=True):
    """A committed change of a lead."""

    kind: str
    """The type of its event."""
    lead_id: int
    version: int | None
    at: datetime
    token: Document
    """Its place in the stream."""
    by: int | None = None
    request_id: str | None = None
    paths: frozenset[str] = frozenset()
    """The paths in the lead's document that were changed."""


def change_of(entry: Document) -> Change | None:
    """Return the change that an entry of the stream is about; None for the deletion of a document.

    An update says before that a document is about to be deleted, by whom, and in which version.
    """
    operation, lead_id = entry["operationType"], entry["documentKey"]["_id"]
    if operation == "delete":
        return None
    said = entry["inserted"] if operation == "insert" else entry["updated"]
    change = said.get("change") or {}
    kind = change.get("type") or "updated"
    if operation == "insert" and kind != "cloned":
        kind = "created"
    return Change(
        f"lead.{kind}",
        lead_id,
        said.get("version") or 1,
        time_of(entry),
        entry["_id"],
        change.get("by"),
        change.get("request_id"),
        frozenset() if operation == "insert" or kind == "deleted" else frozenset(_paths(entry)),
    )


def unannounced(entry: Document, last: int | None) -> Change:
    """Return the deletion of a lead of which no update told before: it was made by other means than this service.

    `last` is the last known version of the lead.
    """
    version = None if last is None else last + 1
    return Change(DELETED, entry["documentKey"]["_id"], version, time_of(entry), entry["_id"])


def time_of(entry: Document) -> datetime:
    """Return when the change of an entry was committed."""
    moment: datetime = entry.get("wallTime") or entry["clusterTime"].as_datetime()  # the first one is more exact
    return moment


def _paths(entry: Document) -> Iterable[str]:
    yield from entry.get("set") or ()
    yield from entry.get("removed") or ()
    yield from entry.get("truncated") or ()


def shown_fields(paths: Iterable[str], settings: Snapshot) -> list[str]:
    """Return the names of the shown fields at some paths of a lead's document, in the order of the lead.

    If a part is replaced as a whole, all fields in it count as changed.
    """
    found: set[str] = set()
    custom: set[str] = set()
    every = False
    for path in paths:
        outer, _, inner = path.partition(".")
        inner = inner.partition(".")[0]
        if outer == "custom":
            every |= not inner
            custom.add(inner)
        elif outer in _PARTS:
            found.update(f"{outer}.{part}" for part in ([inner] if inner else _PARTS[outer]))
        else:
            found.add(outer)
    fields: list[dict[str, Any]] = [field for field in settings.custom_fields if every or str(field["_id"]) in custom]
    return [name for name in _TOLD if name in found] + [f"custom_fields.{field['name']}" for field in fields]
