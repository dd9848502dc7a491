"""The commands `leads seed`, `leads indexes` and `leads migrate`."""

import argparse
import logging
from functools import partial
from typing import Any

from leads_api.cli import arguments
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json
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
    for command in (seed, indexes, migrate):
        arguments.add_json(command)


def _set_up(settings: Settings, options: argparse.Namespace) -> None:
    on_database(settings, partial(set_up, event_days=settings.event_days), seconds=None)
    if options.json:
        show_json({"database": settings.mongodb_database, "set_up": True})
    else:
        show("The database has its indexes and the shipped settings.\n")


def _indexes(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[dict[str, Any]]:
        await set_up(database, event_days=settings.event_days)
        return [
            {
                "collection": collection,
                "name": name,
                "fields": [field for field, _ in index["key"]],
                "unique": name == "_id_" or bool(index.get("unique")),
            }
            for collection in sorted(await database.list_collection_names())
            for name, index in sorted((await database[collection].index_information()).items())
        ]

    found = on_database(settings, work, seconds=None)
    if options.json:
        show_json(found)
    else:
        show("".join(f"{index['collection']}.{index['name']}: {', '.join(index['fields'])}\n" for index in found))


def _migrate(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> dict[str, Outcome]:
        await set_up(database, event_days=settings.event_days)
        return await MigrationRuns(database, STEPS).run_all()

    logging.basicConfig(format="leads migrate: %(message)s")  # to standard error
    logging.getLogger("leads").setLevel(logging.INFO)
    outcomes = on_database(settings, work, seconds=None)
    changed = {name: outcome.changed for name, outcome in outcomes.items() if outcome.changed}
    failed = sum(outcome.failed for outcome in outcomes.values())
    if options.json:
        show_json({"changed": changed, "failed": failed})
    elif changed:
        done = ", ".join(f"{count} {name}" for name, count in changed.items())
        show(f"leads migrate: {done} brought up to date; nothing else to do\n")
    else:
        show("leads migrate: everything is up to date; nothing to do\n")
    if failed:
        raise Refused(f"{failed} documents could not be brought up to date and are unchanged; see above.")
