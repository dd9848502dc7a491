"""`leads seed` and `leads indexes`."""

import argparse
import sys
from typing import Any

from leads_api.cli.connection import on_database
from leads_api.mongo.client import Database
from leads_api.settings import Settings
from leads_api.setup import set_up


def add_to(commands: Any) -> None:
    """Declare the commands."""
    seed = commands.add_parser("seed", help="create the indexes and the shipped settings, as every start does")
    seed.set_defaults(run=_set_up)
    indexes = commands.add_parser("indexes", help="create missing indexes and list all indexes")
    indexes.set_defaults(run=_indexes)


def _set_up(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> None:
        await set_up(database)

    on_database(settings, work)
    sys.stdout.write("The database has its indexes and the shipped settings.\n")


def _indexes(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[str]:
        await set_up(database)
        return [
            f"{collection}.{name}: {', '.join(field for field, _ in index['key'])}"
            for collection in sorted(await database.list_collection_names())
            for name, index in sorted((await database[collection].index_information()).items())
        ]

    sys.stdout.write("\n".join(on_database(settings, work)) + "\n")
