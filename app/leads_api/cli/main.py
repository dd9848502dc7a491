"""The entry point: parses the command line, reads the settings, runs the command, and reports errors in one line."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from leads_api.cli import database, keys, mails, openapi, serve
from leads_api.cli.connection import Refused
from leads_api.mongo.client import NotSetUp, Standalone, UnusableUri
from leads_api.mongo.faults import DatabaseError
from leads_api.server.embedded import CannotStart
from leads_api.server.http import CannotListen
from leads_api.settings import BadSetting, Settings, from_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "run" not in options:
        options.help()
        return 0
    try:
        settings = from_environment(os.environ)
        run: Callable[[Settings, argparse.Namespace], None] = options.run
        run(settings, options)
    except (BadSetting, CannotListen, CannotStart, Refused, Standalone, UnusableUri) as error:
        sys.stderr.write(f"leads: {error}\n")
        return 1
    except NotSetUp:
        sys.stderr.write("leads: the database is not set up. Start the service once, or run `leads seed`.\n")
        return 1
    except DatabaseError as error:
        sys.stderr.write(f"leads: the database cannot be used: {type(error).__name__}. Check that it is running.\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="leads", description="A standalone lead-management API: the leads part of a CRM as a service."
    )
    parser.set_defaults(help=parser.print_help)
    commands = parser.add_subparsers(metavar="COMMAND")
    for group in (serve, keys, mails, database, openapi):
        group.add_to(commands)
    return parser
