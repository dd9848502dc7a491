"""Bringing documents of earlier versions up to date: what is to be done, as data, and doing it to some documents.

Every document says its form in `schema_version`; one that does not is of version 1. Reads tolerate every form, so there
is no hurry: what walks through the collections is in migration_runs.
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
"""How often a document is written that others change, or that the server refuses, before it is left as it is."""
_PAUSE = 0.01

_log = logging.getLogger("leads.migrations")


class Step(Struct, frozen=True):
    """What makes documents of the version before into those of one version."""

    version: int

    update: Document | Callable[[Document], Document] = {}
    """An update of MongoDB's, or what returns one for a document, of which it is given `reads`."""

    reads: tuple[str, ...] = ()
    """Paths that the update is made of. It is made again if they have changed when it arrives."""

    stale: tuple[str, ...] = ()
    """Paths that only earlier versions write: a document of this version that has one was changed by a process of such
    a version, and the step is done again."""

    path: str = "schema_version"
    """Where a document says its version."""


Steps = Mapping[str, Sequence[Step]]
"""The steps of each collection, one for each version from 2 on."""


class Outcome(Struct, frozen=True):
    """How many documents were changed, and how many could not be."""

    changed: int
    failed: int


def projection(steps: Sequence[Step]) -> Document:
    """Return which parts of documents the steps look at."""
    paths = {path for step in steps for path in (step.path, *step.reads, *step.stale)}
    return {path: 1 for path in paths if not any(path.startswith(f"{other}.") for other in paths)}


async def bring_up_to_date(collection: Collection, steps: Sequence[Step], documents: list[Document]) -> Outcome:
    """Do to some documents what is to be done. One that is changed by someone else meanwhile is looked at again."""
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
            except Exception as error:  # noqa: BLE001 - whatever is odd about one document, the others go on
                refused[identity], tries[identity] = repr(error), _TRIES
        wrote = await _write_each(collection, writes, refused) if writes else 0
        changed += wrote
        if wrote == len(writes) and last:
            break
        await asyncio.sleep(_PAUSE)
        documents = [found async for found in collection.find({"_id": {"$in": list(writes)}}, projection(steps))]
    for identity in (failed := [identity for identity, count in tries.items() if count == _TRIES]):
        reason = refused.get(identity, "it is changed again and again")
        _log.error("%s %s cannot be brought up to date, and stays as it is: %s", collection.name, identity, reason)
    return Outcome(changed, len(failed))


async def _write_each(collection: Collection, writes: dict[Any, UpdateOne], refused: dict[Any, str]) -> int:
    """Return how many updates have found their document as it was; note why others were refused."""
    try:
        return (await collection.bulk_write(list(writes.values()), ordered=False)).modified_count
    except BulkWriteError as error:
        if error.details.get("writeConcernErrors"):  # what was written may be lost
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
    if version == steps[-1].version:  # one of a later version is left alone
        return next(
            (step for step in steps if any(_at(document, path, _NONE) is not _NONE for path in step.stale)), None
        )
    return None


_NONE = object()


def _at(document: Document, path: str, default: Any = None) -> Any:
    """Return what a document has at a path."""
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return default
        found = found[name]
    return found


def _write(step: Step, document: Document) -> UpdateOne:
    """Return the step's update. Its filter finds the document only while it is what was read."""
    update = step.update(document) if callable(step.update) else step.update
    unchanged = {path: _as_read(_at(document, path, _NONE)) for path in step.reads} if callable(step.update) else {}
    return UpdateOne(
        {"_id": document["_id"], step.path: _at(document, step.path), **unchanged},
        update | {"$set": update.get("$set", {}) | {step.path: step.version}},
    )


def _as_read(value: Any) -> Any:
    return {"$exists": False} if value is _NONE else {"$eq": value}
