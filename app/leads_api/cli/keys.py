"""The command `leads keys`: create, list and revoke API keys."""

import argparse
import sys
from datetime import datetime
from typing import Any

from leads_api.access.keys import ApiKey, KeyStore
from leads_api.catalog.cache import Catalog
from leads_api.cli import arguments
from leads_api.cli.connection import Refused, on_database
from leads_api.clock import shown_time
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from leads_api.settings import Settings


def add_to(commands: Any) -> None:
    """Declare the commands."""
    group = commands.add_parser("keys", help="manage API keys")
    group.set_defaults(help=group.print_help)
    keys = group.add_subparsers(metavar="ACTION")
    create = keys.add_parser("create", help="create a key and print it once")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument(
        "--user",
        type=arguments.positive,
        default=1,
        metavar="ID",
        help="team user that the key belongs to (default: 1)",
    )
    create.add_argument(
        "--expires", type=arguments.date, metavar="DATE", help="first day (UTC) on which the key is no longer valid"
    )
    create.set_defaults(run=_create)
    keys.add_parser("list", help="list all keys").set_defaults(run=_list)
    revoke = keys.add_parser("revoke", help="revoke a key")
    revoke.add_argument("id", type=arguments.positive, metavar="ID", help="id of the key")
    revoke.set_defaults(run=_revoke)


def _create(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> tuple[ApiKey, str]:
        if not await Catalog(database, seconds=0).is_active(options.user):
            raise Refused(f"{options.user} is not the id of an active team user.")
        keys = KeyStore(database, Ids(database))
        return await keys.create(options.name, user=options.user, expires=options.expires)

    key, text = on_database(settings, work)
    sys.stderr.write(f"Key {key.id} for {key.name}. It is shown only once:\n")
    sys.stdout.write(f"{text}\n")


def _list(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[ApiKey]:
        return await KeyStore(database, Ids(database)).all()

    rows: list[tuple[str, ...]] = [("ID", "NAME", "USER", "CREATED", "EXPIRES", "REVOKED")]
    rows += [
        (str(key.id), key.name, str(key.user), *(map(_time, (key.created, key.expires, key.revoked))))
        for key in on_database(settings, work)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{shown_time(moment)[:19]}Z"


def _revoke(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> bool:
        return await KeyStore(database, Ids(database)).revoke(options.id)

    if not on_database(settings, work):
        raise Refused(f"there is no key {options.id}.")
    sys.stdout.write(f"Key {options.id} is revoked. Running services refuse it within {settings.cache_seconds:g} s.\n")
