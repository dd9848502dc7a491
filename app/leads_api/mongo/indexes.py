"""Index definitions, each named after the query that it serves, and the creation and replacement of indexes."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from msgspec import Struct
from pymongo import IndexModel
from pymongo.errors import OperationFailure

from leads_api.mongo.client import Collection, Database, Document, create_indexes, deadline, is_mongomock
from leads_api.tasks import end

REPORT_SECONDS = 10.0
_CALL_SECONDS = 30.0

# Error codes of MongoDB.
_NO_SUCH_INDEX = 27
_NAMESPACE_EXISTS = 48
_CONFLICTS = {85, 86}
"""IndexOptionsConflict and IndexKeySpecsConflict: an existing index has the same keys or the same name."""

_NO_OPTIONS = {"key", "v", "ns", "name", "background", "hidden"}
"""Fields of the server's index information that are not part of the definition."""

_log = logging.getLogger("leads.indexes")


class Index(Struct, frozen=True):
    """One index; `keys` are (field, direction) in order."""

    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False

    expire_seconds: int | None = None
    """How long after the date in the indexed field the server removes a document (TTL index)."""

    def options(self) -> dict[str, Any]:
        """Return the options that are set; an unset one is not sent."""
        options: dict[str, Any] = {}
        if self.unique:
            options["unique"] = True
        if self.sparse:
            options["sparse"] = True
        if self.expire_seconds is not None:
            options["expireAfterSeconds"] = self.expire_seconds
        return options

    @property
    def definition(self) -> Document:
        """Return keys and options, without the name."""
        return {"keys": list(self.keys)} | self.options()


Indexes = Mapping[str, Sequence[Index]]
"""Indexes by collection."""


async def ensure(database: Database, indexes: Indexes) -> None:
    """Create missing indexes and collections, and replace changed indexes. Safe to repeat and to run concurrently.

    Collections are created here so that no transaction has to. Indexes are compared by definition: an index with
    another name is accepted, and an index whose definition has changed is replaced. Builds have no deadline, because an
    interrupted build starts over.
    """
    for collection, wanted in indexes.items():
        if is_mongomock(database.client):
            for index in wanted:
                await database[collection].create_index(list(index.keys), name=index.name, **index.options())
        else:
            await _ensure(database, database[collection], wanted)


async def missing(database: Database, indexes: Indexes) -> list[str]:
    """Return the indexes that do not exist, as `collection.name`."""
    found = []
    for collection, wanted in indexes.items():
        with deadline(_CALL_SECONDS):
            info = await database[collection].index_information()
        there = [_definition(index) for index in info.values()]
        found += [f"{collection}.{index.name}" for index in wanted if index.definition not in there]
    return found


async def _ensure(database: Database, collection: Collection, wanted: Sequence[Index]) -> None:
    with deadline(_CALL_SECONDS):
        info = await collection.index_information()
        if not info and not wanted:
            await _create(database, collection.name)
    there = {name: _definition(index) for name, index in info.items()}
    missing = [index for index in wanted if index.definition not in there.values()]
    missing = [index for index in missing if not await _change_expiry(database, collection, index, there)]
    replaced = list(_replaced(wanted, there))
    if missing:
        # New indexes get free names and are built before old ones are dropped, so that queries and uniqueness always
        # have an index.
        models = [
            IndexModel(list(index.keys), name=_free_name(index.name, there), **index.options()) for index in missing
        ]
        try:
            await _build(collection, models)
        except OperationFailure as error:
            if error.code not in _CONFLICTS or not replaced:
                raise
            await _drop(collection, replaced)
            await _build(collection, models)
    await _drop(collection, replaced)


async def _create(database: Database, collection: str) -> None:
    try:
        await database.create_collection(collection, check_exists=False)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:  # another process was faster
            raise


def _definition(info: Mapping[str, Any]) -> Document:
    keys = [(field, int(way) if isinstance(way, int | float) else way) for field, way in info["key"]]
    return {"keys": keys} | {name: value for name, value in info.items() if name not in _NO_OPTIONS and value}


async def _change_expiry(database: Database, collection: Collection, index: Index, there: dict[str, Document]) -> bool:
    """Change `expireAfterSeconds` of an index that differs in nothing else.

    Returns whether there is such an index and the server has changed it.
    """
    if index.expire_seconds is None:
        return False
    for name, definition in there.items():
        if definition | {"expireAfterSeconds": index.expire_seconds} == index.definition:
            change = {"name": name, "expireAfterSeconds": index.expire_seconds}
            with suppress(OperationFailure), deadline(_CALL_SECONDS):
                await database.command("collMod", collection.name, index=change)
                there[name] = index.definition
                _log.info("index %s.%s: expireAfterSeconds is now %s", collection.name, name, index.expire_seconds)
                return True
    return False


def _replaced(wanted: Sequence[Index], there: Mapping[str, Document]) -> Iterator[str]:
    """Return the names of indexes of earlier versions: the name of a wanted index, but another definition."""
    definitions = [index.definition for index in wanted]
    for index in wanted:
        for name, definition in there.items():
            if re.fullmatch(rf"{re.escape(index.name)}(_([2-9]|[1-9]\d+))?", name) and definition not in definitions:
                yield name


def _free_name(name: str, there: Mapping[str, Document]) -> str:
    """Return the name; if it is taken, `name_2`, `name_3` and so on."""
    return next(free for n in range(1, len(there) + 2) if (free := name if n == 1 else f"{name}_{n}") not in there)


async def _drop(collection: Collection, names: Sequence[str]) -> None:
    for name in names:
        try:
            with deadline(_CALL_SECONDS):
                await collection.drop_index(name)
        except OperationFailure as error:
            if error.code != _NO_SUCH_INDEX:  # another process may have dropped it
                raise
        else:
            _log.info("dropped index %s.%s, which was replaced", collection.name, name)


async def _build(collection: Collection, models: Sequence[IndexModel]) -> None:
    with deadline(_CALL_SECONDS):
        # On an empty collection, the build takes no time and is not worth a message.
        level = logging.DEBUG if await collection.find_one({}, {"_id": 1}) is None else logging.INFO
    names = ", ".join(f"{collection.name}.{model.document['name']}" for model in models)
    _log.log(level, "building indexes: %s", names)
    began = monotonic()
    # A majority, as for every write: with the default, one secondary that is down would block the build forever.
    building = asyncio.create_task(create_indexes(collection, models, commitQuorum="majority"))
    try:
        while not (await asyncio.wait({building}, timeout=REPORT_SECONDS))[0]:
            _log.info("still building indexes, for %.0f s: %s", monotonic() - began, names)
    finally:
        if not building.done():
            await end(building)
    building.result()
    _log.log(level, "built indexes in %.1f s: %s", monotonic() - began, names)
