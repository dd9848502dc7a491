"""The entry point: parses the command line, reads the settings, runs the command, and reports errors in one line."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path

from leads_api.cli import arguments, database, keys, mails, openapi, serve
from leads_api.cli.connection import Refused
from leads_api.cli.output import CannotWrite, NobodyReads, tell
from leads_api.errors import Failure
from leads_api.mongo.client import NotSetUp, Standalone, UnusableUri
from leads_api.mongo.faults import DatabaseError
from leads_api.server.embedded import CannotStart
from leads_api.server.http import CannotListen
from leads_api.settings import BadSetting, Settings, from_environment

_STATUSES = """exit status:
  0    done; of serve: stopped in order
  1    failed; one line on standard error says why
  2    the command line is not valid
  130  ended by Ctrl-C (SIGINT)
  141  standard output was closed by its reader (SIGPIPE)
  143  ended by SIGTERM
"""
_SIGPIPE = 141
_FAILED_LOGIN = {13, 18}
"""MongoDB's error codes Unauthorized and AuthenticationFailed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(argv)
    except NobodyReads:
        return _SIGPIPE
    except Exception as error:  # noqa: BLE001 - nothing ends in a traceback
        tell(f"leads: {_told(error)}")
        return 1
    return 0


def _run(argv: Sequence[str] | None) -> None:
    options = _parser().parse_args(argv)
    if "run" not in options:
        options.help()
        return
    settings = from_environment(os.environ)
    run: Callable[[Settings, argparse.Namespace], None] = options.run
    run(settings, options)


def _told(error: Exception) -> str:
    """Return what a person can do about an error, without secrets."""
    match error:
        case BadSetting() | CannotListen() | CannotStart() | Refused() | Standalone() | UnusableUri():
            return str(error)
        case CannotWrite():
            return f"{error}."
        case NotSetUp():
            return "the database is not set up. Start the service once, or run `leads seed`."
        case Failure():
            return error.reason
        case DatabaseError():
            return f"the database cannot be used: {_cause(error)}"
        case OSError():
            return f"{error.strerror or type(error).__name__}" + (f": {error.filename}" if error.filename else "")
        case _:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"unexpected error: {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}."


def _cause(error: DatabaseError) -> str:
    name = type(error).__name__
    if getattr(error, "code", None) in _FAILED_LOGIN:
        return f"{name}. Check the user, the password and authSource in LEADS_MONGODB_URI, and the user's rights."
    if error.timeout:
        return f"{name}. It did not answer in time. Check that it is running, and try again."
    return f"{name}. Check that it is running."


def _parser() -> argparse.ArgumentParser:
    parser = arguments.Parser(
        prog="leads",
        description="A standalone lead-management API: the leads part of a CRM as a service.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"leads {version('leads-api')}")
    parser.set_defaults(help=parser.print_help)
    commands = parser.add_subparsers(metavar="COMMAND")
    for group in (serve, keys, mails, database, openapi):
        group.add_to(commands)
    return parser
