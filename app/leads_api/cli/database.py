"""The commands `leads seed`, `leads indexes` and `leads migrate`."""

import logging
from typing import Any

from leads_api.cli.arguments import Given, Json
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json
from leads_api.mongo.client import Database
from leads_api.mongo.migration_runs import MigrationRuns
from leads_api.mongo.migrations import Outcome
from leads_api.setup import STEPS, set_up


def seed(*, json: Json = False, settings: Given) -> None:
    """Create indexes and the shipped settings."""
    on_database(settings, set_up, seconds=None)
    if json:
        show_json({"database": settings.mongodb_database, "set_up": True})
    else:
        show("The database has its indexes and the shipped settings.\n")


def indexes(*, json: Json = False, settings: Given) -> None:
    """Create missing indexes, and list all."""

    async def work(database: Database) -> list[dict[str, Any]]:
        await set_up(database)
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
    if json:
        show_json(found)
    else:
        show("".join(f"{index['collection']}.{index['name']}: {', '.join(index['fields'])}\n" for index in found))


def migrate(*, json: Json = False, settings: Given) -> None:
    """Bring indexes and documents up to date."""

    async def work(database: Database) -> dict[str, Outcome]:
        await set_up(database)
        return await MigrationRuns(database, STEPS).run_all()

    logging.basicConfig(format="leads migrate: %(message)s")  # to standard error
    logging.getLogger("leads").setLevel(logging.INFO)
    outcomes = on_database(settings, work, seconds=None)
    changed = {name: outcome.changed for name, outcome in outcomes.items() if outcome.changed}
    failed = sum(outcome.failed for outcome in outcomes.values())
    if json:
        show_json({"changed": changed, "failed": failed})
    elif changed:
        done = ", ".join(f"{count} {name}" for name, count in changed.items())
        show(f"leads migrate: {done} brought up to date; nothing else to do\n")
    else:
        show("leads migrate: everything is up to date; nothing to do\n")
    if failed:
        raise Refused(f"{failed} documents could not be brought up to date and are unchanged; see above.")
