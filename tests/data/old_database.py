"""A database as commit 5592dfe wrote it, and what that commit's service answered about it; see README.md."""

import gzip
import json
from pathlib import Path
from typing import Any

from bson.json_util import CANONICAL_JSON_OPTIONS, loads

from leads_api.mongo.client import Database

_FOLDER = Path(__file__).parent
_NO_OPTIONS = {"key", "v", "ns"}
"""What a server tells of an index besides its options."""


async def restore(database: Database) -> None:
    """Write all documents and indexes into an empty database, as they were."""
    text = gzip.decompress((_FOLDER / "commit_5592dfe.json.gz").read_bytes())
    for name, kept in loads(text, json_options=CANONICAL_JSON_OPTIONS).items():
        await database[name].insert_many(kept["documents"])
        for index, info in kept["indexes"].items():
            if index != "_id_":
                options = {option: value for option, value in info.items() if option not in _NO_OPTIONS}
                await database[name].create_index([tuple(key) for key in info["key"]], name=index, **options)


def answers() -> dict[str, Any]:
    """Return the API keys with their status, and by path the whole answers and the ids that lists found."""
    found: dict[str, Any] = json.loads((_FOLDER / "commit_5592dfe_answers.json").read_text())
    return found
