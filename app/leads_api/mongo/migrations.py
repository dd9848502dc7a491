"""Migrations: the steps between schema versions, as data, and their application to a batch of documents.

Every document has a `schema_version`; a document without one has version 1. Reads accept every version, so migrations
are not urgent. The runs through whole collections are in migration_runs.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from leads_api.mongo.client import Collection, Document

_TRIES = 20
"""How often the update of a document is tried before the document is left unchanged.

A try fails if another process changes the document concurrently, or if the server refuses the update.
"""
_PAUSE = 0.01

_log = logging.getLogger("leads.migrations")


class Step(Struct, frozen=True):
    """One migration: updates documents from the previous version to this one."""

    version: int

    update: Document | Callable[[Document], Document] = {}
    """A MongoDB update, or a function that returns one for a document; the document has at least `reads`."""

    reads: tuple[str, ...] = ()
    """Paths that the update is computed from. If they change concurrently, the update is computed again."""

    stale: tuple[str, ...] = ()
    """Paths that only earlier versions write. If a document of this version has one, a process of an earlier version
    has changed it, and the step is repeated."""

    path: str = "schema_version"
    """The path of the version in a document."""


Steps = Mapping[str, Sequence[Step]]
"""The steps of each collection, one for each version from 2 on."""


class Outcome(Struct, frozen=True):
    """How many documents were updated, and how many could not be updated."""

    changed: int
    failed: int


def projection(steps: Sequence[Step]) -> Document:
    """Return the projection of the paths that the steps read."""
    paths = {path for step in steps for path in (step.path, *step.reads, *step.stale)}
    return {path: 1 for path in paths if not any(path.startswith(f"{other}.") for other in paths)}


async def bring_up_to_date(collection: Collection, steps: Sequence[Step], documents: list[Document]) -> Outcome:
    """Apply the steps to some documents. A document that changes concurrently is read again and retried."""
    changed, tries, refused = 0, Counter[Any](), dict[Any, str]()
    while True:
        writes: dict[Any, UpdateOne] = {}
        last = True
        for document in documents:
            identity = document["_id"]
            step = _next_step(document, steps)
            if step is None or tries[identity] == _TRIES:
                continue
            tries[identity] += 1
            last = last and step is steps[-1]
            try:
                writes[identity] = _write(step, document)
            except Exception as error:  # noqa: BLE001 - one malformed document must not stop the others
                refused[identity], tries[identity] = repr(error), _TRIES
        wrote = await _write_each(collection, writes, refused) if writes else 0
        changed += wrote
        if wrote == len(writes) and last:
            break
        await asyncio.sleep(_PAUSE)
        documents = [found async for found in collection.find({"_id": {"$in": list(writes)}}, projection(steps))]
    for identity in (failed := [identity for identity, count in tries.items() if count == _TRIES]):
        reason = refused.get(identity, "it keeps changing")
        _log.error("%s %s cannot be migrated and is left unchanged: %s", collection.name, identity, reason)
    return Outcome(changed, len(failed))


async def _write_each(collection: Collection, writes: dict[Any, UpdateOne], refused: dict[Any, str]) -> int:
    """Return how many updates were applied; add the reasons of refused ones to `refused`."""
    try:
        return (await collection.bulk_write(list(writes.values()), ordered=False)).modified_count
    except BulkWriteError as error:
        if error.details.get("writeConcernErrors"):  # written updates may be lost
            raise
        for fault in error.details["writeErrors"]:
            refused[list(writes)[fault["index"]]] = fault.get("errmsg", "")
        wrote: int = error.details["nModified"]
        return wrote


def _next_step(document: Document, steps: Sequence[Step]) -> Step | None:
    version = _at(document, steps[0].path)
    if version is None:
        version = 1
    for step in steps:
        if version == step.version - 1:
            return step
    if version == steps[-1].version:  # documents of later versions are left alone
        return next(
            (step for step in steps if any(_at(document, path, _NONE) is not _NONE for path in step.stale)), None
        )
    return None


_NONE = object()


def _at(document: Document, path: str, default: Any = None) -> Any:
    """Return the value at a path of a document."""
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return default
        found = found[name]
    return found


def _write(step: Step, document: Document) -> UpdateOne:
    """Return the step's update. Its filter matches the document only as it was read."""
    update = step.update(document) if callable(step.update) else step.update
    unchanged = {path: _as_read(_at(document, path, _NONE)) for path in step.reads} if callable(step.update) else {}
    return UpdateOne(
        {"_id": document["_id"], step.path: _at(document, step.path), **unchanged},
        update | {"$set": update.get("$set", {}) | {step.path: step.version}},
    )


def _as_read(value: Any) -> Any:
    return {"$exists": False} if value is _NONE else {"$eq": value}
