"""The `leads` command (contract, section 6)."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import uvicorn

from leads_api import asgi
from leads_api.access.keys import ApiKey, KeyStore
from leads_api.catalog.cache import Catalog
from leads_api.mongo.client import (
    REACH_SECONDS,
    Database,
    Standalone,
    UnusableUri,
    close,
    connect,
    deadline,
    refuse_standalone,
)
from leads_api.mongo.embedded import CannotStart, Embedded, attached
from leads_api.mongo.faults import DatabaseError
from leads_api.mongo.ids import Ids
from leads_api.settings import PREFIX, BadSetting, Settings, described, from_environment
from leads_api.setup import set_up
from leads_api.telemetry import logs
from leads_api.web.timestamps import shown_time
from leads_api.web.writes import GatheringProtocol

KEEP_ALIVE_SECONDS = 75
"""Longer than what gateways keep idle connections for, so that it is never this side that closes one in use."""

T = TypeVar("T")

_KEY_FILE = "api-key"
_COMMAND_SECONDS = 30.0


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The command cannot do what was asked; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = from_environment(os.environ)
        run: Callable[[Settings, argparse.Namespace], None] = options.run
        run(settings, options)
    except (BadSetting, CannotStart, Refused, Standalone, UnusableUri) as error:
        sys.stderr.write(f"leads: {error}\n")
        return 1
    except DatabaseError as error:
        sys.stderr.write(f"leads: the database cannot be used: {type(error).__name__}. Is it running?\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="leads", description="The Leads API of a CRM as a microservice of its own.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser(
        "serve",
        help="serve the API",
        description="Serve the API; with no LEADS_MONGODB_URI on an embedded server, which ends with it.",
        epilog=_environment_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8000, help="port to listen on (default: 8000)")
    serve.add_argument("--workers", type=_positive, default=1, help="processes that share the port (default: 1)")
    serve.set_defaults(run=_serve)

    keys = commands.add_parser("keys", help="manage API keys").add_subparsers(required=True, metavar="ACTION")
    create = keys.add_parser("create", help="make a key, and show it once")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument(
        "--user", type=_positive, default=1, metavar="ID", help="team user whose key it is (default: 1)"
    )
    create.add_argument(
        "--expires", type=_date, metavar="DATE", help="first day (UTC) on which it is not valid any more"
    )
    create.set_defaults(run=_create_key)
    keys.add_parser("list", help="list all keys").set_defaults(run=_list_keys)
    revoke = keys.add_parser("revoke", help="make a key invalid")
    revoke.add_argument("id", type=_positive, metavar="ID", help="id of the key")
    revoke.set_defaults(run=_revoke_key)

    seed = commands.add_parser("seed", help="write indexes and the shipped settings, as every start does")
    seed.set_defaults(run=_set_up)
    indexes = commands.add_parser("indexes", help="create the indexes that are missing, and list all")
    indexes.set_defaults(run=_indexes)
    openapi = commands.add_parser("openapi", help="print the OpenAPI document")
    openapi.set_defaults(run=_openapi)
    return parser


def _environment_help() -> str:
    lines = ["environment:"]
    for variable, default, description in described():
        lines.append(f"  {variable}" + (f" (default: {default})" if default else ""))
        lines.append(f"      {description}")
    return "\n".join(lines)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a positive integer")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 65_535:  # noqa: PLR2004 - the last port
        raise argparse.ArgumentTypeError("must be a port number")
    return int(text)


def _date(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date like 2027-12-31") from None


def _serve(settings: Settings, options: argparse.Namespace) -> None:
    if settings.mongodb_uri is not None:
        asyncio.run(_refuse_unusable(settings.mongodb_uri, settings))
        _run_server(settings, options)
        return
    # The server hands a SIGTERM on when it has ended in order; the embedded one must end in order, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Embedded(settings.data_dir) as server:
        os.environ[f"{PREFIX}MONGODB_URI"] = server.uri  # for the workers
        key = settings.api_key or asyncio.run(_kept_key(server.uri, settings))
        sys.stdout.write(
            f"\nLeads is starting on http://{options.host}:{options.port}, with an embedded database in"
            f" {settings.data_dir.resolve()}\n\nAPI key: {key}\n\nTry:\n"
            f"  curl -s -H 'Authorization: Bearer {key}' http://{options.host}:{options.port}/api/lead-statuses\n\n"
            f"Documentation: http://{options.host}:{options.port}/docs    Stop with Ctrl-C.\n\n"
        )
        sys.stdout.flush()
        _run_server(settings, options)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # an impatient second Ctrl-C must not keep the data from being written


def _run_server(settings: Settings, options: argparse.Namespace) -> None:
    if options.workers > 1:  # once, and not in every worker
        logs.configure(settings.log_level)
        asgi.warn_of_unknown_variables()
    uvicorn.run(
        "leads_api.asgi:application",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        loop="uvloop",
        http=GatheringProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.request_timeout) + 1,
    )


async def _refuse_unusable(uri: str, settings: Settings) -> None:
    """Refuse at once what could never work. A database that is away may come; the service waits for it."""
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        with suppress(DatabaseError), deadline(REACH_SECONDS):
            await refuse_standalone(client)
    finally:
        await close(client)


async def _kept_key(uri: str, settings: Settings) -> str:
    """Return the key of the data folder; it is made at the first start, and again if it was revoked."""
    file = settings.data_dir / _KEY_FILE

    async def work(database: Database) -> str:
        keys = KeyStore(database, Ids(database))
        text = file.read_text().strip() if file.exists() else ""
        known = await keys.of_text(text)
        if known is not None and known.revoked is None:
            return text
        _, text = await keys.create("make run", user=1)
        _write_secret(file, text)
        return text

    return await _with_database(uri, settings, work)


def _write_secret(file: Path, text: str) -> None:
    """Write a file that nobody else can read, at no time, and that is whole or not there."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(f"{text}\n")
    draft.replace(file)


@contextmanager
def _uri(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri
        return
    with attached(settings.data_dir) as uri:
        yield uri


async def _with_database(uri: str, settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            await refuse_standalone(client)
            database = client[settings.mongodb_database]
            await set_up(database)
            return await work(database)
    finally:
        await close(client)


def _command(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    with _uri(settings) as uri:
        return asyncio.run(_with_database(uri, settings, work))


def _create_key(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> tuple[ApiKey, str]:
        if not await Catalog(database, seconds=0).is_active(options.user):
            raise Refused(f"{options.user} is not the id of an active team user.")
        keys = KeyStore(database, Ids(database))
        return await keys.create(options.name, user=options.user, expires=options.expires)

    key, text = _command(settings, work)
    sys.stderr.write(f"Key {key.id} for {key.name}; it is shown only this once:\n")
    sys.stdout.write(f"{text}\n")


def _list_keys(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[ApiKey]:
        return await KeyStore(database, Ids(database)).all()

    rows: list[tuple[str, ...]] = [("ID", "NAME", "USER", "CREATED", "EXPIRES", "REVOKED")]
    rows += [
        (str(key.id), key.name, str(key.user), *(map(_time, (key.created, key.expires, key.revoked))))
        for key in _command(settings, work)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{shown_time(moment)[:19]}Z"


def _revoke_key(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> bool:
        return await KeyStore(database, Ids(database)).revoke(options.id)

    if not _command(settings, work):
        raise Refused(f"there is no key {options.id}.")
    sys.stdout.write(f"Key {options.id} is revoked; running services notice within {settings.cache_seconds:g} s.\n")


def _set_up(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(_database: Database) -> None:
        return None

    _command(settings, work)
    sys.stdout.write("The database has its indexes and the shipped settings.\n")


def _openapi(_settings: Settings, _options: argparse.Namespace) -> None:
    document = msgspec.json.encode(asgi.openapi(), order="sorted")
    sys.stdout.write(msgspec.json.format(document, indent=1).decode() + "\n")


def _indexes(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[str]:
        return [
            f"{collection}.{name}: {', '.join(field for field, _ in index['key'])}"
            for collection in sorted(await database.list_collection_names())
            for name, index in sorted((await database[collection].index_information()).items())
        ]

    sys.stdout.write("\n".join(_command(settings, work)) + "\n")
