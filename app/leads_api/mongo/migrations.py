"""Migrations: the steps between schema versions, as data, and their application to a batch of documents.

Every document has a `schema_version`; a document without one has version 1. Reads accept every version, so migrations
are not urgent. The runs through whole collections are in migration_runs.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from msgspec import Struct
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from leads_api.mongo.batching import DUPLICATE_KEY
from leads_api.mongo.client import Collection, Document
from leads_api.mongo.faults import without_values

_TRIES = 20
"""How often the update of a document is tried before the document is left unchanged.

A try fails if another process changes the document concurrently, or if the server refuses the update.
"""
_PAUSE = 0.01
_YIELD_AFTER = 20
"""After how many documents other tasks of the process may run: computing an update takes up to a millisecond."""

_log = logging.getLogger("leads.migrations")


class Step(Struct, frozen=True):
    """One migration: updates documents from the previous version to this one."""

    version: int

    update: Document | Callable[[Document], Document] = {}
    """`$set` and `$unset`, or a function that returns them for a document, which has at least `reads`."""

    reads: tuple[str, ...] = ()
    """Paths that the update is computed from. If they change concurrently, the update is computed again."""

    stale: tuple[str, ...] = ()
    """Paths that only earlier versions write. If a document of this version has one, a process of an earlier version
    has changed it, and the step is repeated."""

    computes: tuple[str, ...] = ()
    """Paths that the update sets to what it computes from `reads`. If a document of this version has something else
    there, a process of an earlier version has changed it, and the step is repeated."""

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
    paths = {path for step in steps for path in (step.path, *step.reads, *step.stale, *step.computes)}
    return {path: 1 for path in paths if not any(path.startswith(f"{other}.") for other in paths)}


async def bring_up_to_date(collection: Collection, steps: Sequence[Step], documents: list[Document]) -> Outcome:
    """Apply the steps to some documents. A document that changes concurrently is read again and retried."""
    changed, tries = 0, Counter[Any]()
    refused: dict[Any, str] = {}
    taken: dict[Any, str] = {}
    while True:
        writes: dict[Any, UpdateOne] = {}
        for number, document in enumerate(documents, start=1):
            if number % _YIELD_AFTER == 0:
                await asyncio.sleep(0)
            identity = document["_id"]
            if tries[identity] == _TRIES:
                continue
            try:
                if due := _due(document, steps, keeps=identity in taken):
                    writes[identity] = _write(due, document, keeps=identity in taken)
                    tries[identity] += 1
            except Exception as error:  # noqa: BLE001 - one malformed document must not stop the others
                refused[identity], tries[identity] = repr(error), _TRIES
        wrote = await _write_each(collection, writes, refused, taken) if writes else 0
        changed += wrote
        if wrote == len(writes):
            break
        await asyncio.sleep(_PAUSE)
        documents = [found async for found in collection.find({"_id": {"$in": list(writes)}}, projection(steps))]
    reasons = taken | refused
    failed = {identity: reasons.get(identity, "it keeps changing") for identity in tries if tries[identity] == _TRIES}
    _report(collection.name, failed, {identity: taken[identity] for identity in taken if identity not in failed})
    return Outcome(changed, len(failed))


def _report(name: str, failed: dict[Any, str], taken: dict[Any, str]) -> None:
    for identity, reason in failed.items():
        _log.error("%s %s cannot be migrated and is left unchanged: %s", name, identity, reason)
    for identity, reason in taken.items():
        _log.warning(
            "%s %s has the same unique value as another document, because earlier versions compared these values"
            " differently. Both stay as they are; rename one of them: %s",
            name,
            identity,
            reason,
        )


async def _write_each(
    collection: Collection, writes: dict[Any, UpdateOne], refused: dict[Any, str], taken: dict[Any, str]
) -> int:
    """Return how many updates were applied; add the reasons of the others to `refused`, or `taken` for duplicates."""
    try:
        return (await collection.bulk_write(list(writes.values()), ordered=False)).modified_count
    except BulkWriteError as error:
        if error.details.get("writeConcernErrors"):  # written updates may be lost
            raise
        for fault in error.details["writeErrors"]:
            reasons = taken if fault.get("code") == DUPLICATE_KEY else refused
            reasons[list(writes)[fault["index"]]] = without_values(fault.get("errmsg", ""))
        wrote: int = error.details["nModified"]
        return wrote


def _due(document: Document, steps: Sequence[Step], *, keeps: bool) -> Sequence[Step]:
    """Return the steps that a document needs: those behind its version, or from the first stale one on."""
    version = _at(document, steps[0].path)
    first = 1 if version is None else version
    if first == steps[-1].version:
        first = next((step.version - 1 for step in steps if _is_stale(document, step, keeps=keeps)), first)
    versions = [step.version - 1 for step in steps]
    return steps[versions.index(first) :] if first in versions else ()  # documents of later versions are left alone


def _is_stale(document: Document, step: Step, *, keeps: bool) -> bool:
    """Return whether an earlier version has changed a document since the step was applied to it."""
    if any(_at(document, path, _NONE) is not _NONE for path in step.stale):
        return True
    return bool(step.computes) and not keeps and bool(_update(step, document).get("$set"))


_NONE = object()


def _at(document: Document, path: str, default: Any = None) -> Any:
    """Return the value at a path of a document."""
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return default
        found = found[name]
    return found


def _update(step: Step, document: Document) -> Document:
    """Return the step's update, without computed values that the document already has."""
    update = step.update(document) if callable(step.update) else step.update
    if not step.computes:
        return update
    return update | {
        "$set": {path: value for path, value in update.get("$set", {}).items() if _at(document, path) != value}
    }


def _write(steps: Sequence[Step], document: Document, *, keeps: bool) -> UpdateOne:
    """Return one update for the steps; with `keeps` without computed values. The filter matches only what was read."""
    path = steps[0].path
    wanted = {"_id": document["_id"], path: _at(document, path)}
    operators: dict[str, Document] = {}
    changed = deepcopy(document)
    for step in steps:
        if callable(step.update):
            # The values that were read, not those that an earlier step leads to.
            wanted |= {read: _as_read(_at(document, read, _NONE)) for read in step.reads}
        for operator, fields in ({} if keeps and step.computes else _update(step, changed)).items():
            for field, value in fields.items():
                for other in operators.values():
                    other.pop(field, None)
                operators.setdefault(operator, {})[field] = value
                _apply(changed, operator, field, value)
    version = {path: steps[-1].version}
    return UpdateOne(
        wanted,
        {name: fields for name, fields in operators.items() if fields} | {"$set": operators.get("$set", {}) | version},
    )


def _apply(document: Document, operator: str, path: str, value: Any) -> None:
    """Do to a document in memory what an update does to a stored one."""
    *outer, last = path.split(".")
    for name in outer:
        document = document.setdefault(name, {})
    if operator == "$set":
        document[last] = value
    elif operator == "$unset":
        document.pop(last, None)
    else:
        raise ValueError(f"{operator} is not supported in migrations")


def _as_read(value: Any) -> Any:
    return {"$exists": False} if value is _NONE else {"$eq": value}
