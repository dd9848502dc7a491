"""The commands `leads seed`, `leads indexes` and `leads migrate`."""

import argparse
import logging
import sys
from typing import Any

from leads_api.cli.connection import Refused, on_database
from leads_api.mongo.client import Database
from leads_api.mongo.migration_runs import MigrationRuns
from leads_api.mongo.migrations import Outcome
from leads_api.settings import Settings
from leads_api.setup import STEPS, set_up


def add_to(commands: Any) -> None:
    """Declare the commands."""
    seed = commands.add_parser("seed", help="create the indexes and the shipped settings, as every start does")
    seed.set_defaults(run=_set_up)
    indexes = commands.add_parser("indexes", help="create missing indexes and list all indexes")
    indexes.set_defaults(run=_indexes)
    migrate = commands.add_parser(
        "migrate",
        help="bring indexes and documents of earlier versions up to date",
        description="Bring indexes and documents of earlier versions up to date. You can run it while services are"
        " running. It checks every document. If it is interrupted, run it again: it resumes where it stopped.",
    )
    migrate.set_defaults(run=_migrate)


def _set_up(settings: Settings, _options: argparse.Namespace) -> None:
    on_database(settings, set_up, seconds=None)
    sys.stdout.write("The database has its indexes and the shipped settings.\n")


def _indexes(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[str]:
        await set_up(database)
        return [
            f"{collection}.{name}: {', '.join(field for field, _ in index['key'])}"
            for collection in sorted(await database.list_collection_names())
            for name, index in sorted((await database[collection].index_information()).items())
        ]

    sys.stdout.write("\n".join(on_database(settings, work, seconds=None)) + "\n")


def _migrate(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> dict[str, Outcome]:
        await set_up(database)
        return await MigrationRuns(database, STEPS).run_all()

    logging.basicConfig(format="leads migrate: %(message)s")  # to standard error
    logging.getLogger("leads").setLevel(logging.INFO)
    outcomes = on_database(settings, work, seconds=None)
    changed = ", ".join(f"{outcome.changed} {name}" for name, outcome in outcomes.items() if outcome.changed)
    sys.stdout.write(
        f"leads migrate: {changed} brought up to date; nothing else to do\n"
        if changed
        else "leads migrate: everything is up to date; nothing to do\n"
    )
    if failed := sum(outcome.failed for outcome in outcomes.values()):
        raise Refused(f"{failed} documents could not be brought up to date and are unchanged; see above.")
