"""Checks the shard keys of a sharded cluster: a wrong one makes writes fail, and unique values not unique."""

import logging
from collections.abc import Iterable, Mapping

from leads_api.mongo.client import Database, Document, deadline
from leads_api.mongo.faults import DatabaseError

ShardKeys = Mapping[str, Mapping[str, object]]
"""By collection, the only key that it may be sharded by. All other collections must stay unsharded."""

_CHECK_SECONDS = 10.0

_log = logging.getLogger("leads.sharding")


async def check_shard_keys(database: Database, keys: ShardKeys) -> None:
    """Log an error for each collection of a sharded cluster whose shard key does not fit. Does nothing elsewhere."""
    try:
        for fault in await shard_key_faults(database, keys):
            _log.error("%s", fault)
    except DatabaseError as error:  # usually, the user may not read `config`
        _log.info("the shard keys were not checked: %s: %s", type(error).__name__, str(error)[:200])


async def shard_key_faults(database: Database, keys: ShardKeys) -> list[str]:
    """Return a sentence for each collection of a sharded cluster whose shard key does not fit; elsewhere none."""
    with deadline(_CHECK_SECONDS):
        if (await database.client.admin.command("hello")).get("msg") != "isdbgrid":
            return []
        collections = database.client["config"]["collections"]
        found = await collections.find({}, {"key": 1, "dropped": 1, "unsplittable": 1}).to_list(None)
    return faults(database.name, found, keys)


def faults(database: str, entries: Iterable[Document], keys: ShardKeys) -> list[str]:
    """Return a sentence for each entry of `config.collections` whose key does not fit."""
    found = []
    for entry in entries:
        owner, _, name = entry["_id"].partition(".")
        if owner != database or entry.get("dropped") or entry.get("unsplittable"):
            continue
        key = dict(entry.get("key") or {})
        if name not in keys:
            found.append(f"the collection {name} must not be sharded, but it is, by {key}")
        elif list(key.items()) != list(keys[name].items()):
            found.append(
                f"the collection {name} must be sharded by {dict(keys[name])} or not at all, but it is by {key}"
            )
    return found
