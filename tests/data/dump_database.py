"""Write a whole database, indexes included, into a file of MongoDB Extended JSON (v2, canonical).

python -m tests.data.dump_database URI DATABASE FILE.json.gz
"""

import argparse
import gzip
from pathlib import Path
from typing import Any

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from pymongo import MongoClient
from pymongo.database import Database


def extended(value: Any) -> str:
    """Return a value as one line."""
    return dumps(value, json_options=CANONICAL_JSON_OPTIONS, ensure_ascii=False)


def dumped(database: Database[dict[str, Any]]) -> str:
    """Return all collections by name, documents by id, one a line."""
    parts = []
    for name in sorted(database.list_collection_names()):
        indexes = extended(dict(sorted(database[name].index_information().items())))
        documents = ",\n".join(extended(document) for document in database[name].find().sort("_id", 1))
        parts.append(f'{extended(name)}: {{"indexes": {indexes}, "documents": [\n{documents}\n]}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Dump what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("uri", "database"):
        parser.add_argument(name)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    with MongoClient[dict[str, Any]](options.uri, tz_aware=True) as client:
        text = dumped(client[options.database])
    # Without a time in it, the same database makes the same file.
    options.file.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
