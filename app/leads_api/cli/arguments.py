"""The parser of the command line, and parsers of its values. Each of these raises ArgumentTypeError for a bad value."""

import argparse
import re
import sys
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from leads_api.cli import output
from leads_api.clock import now

_LAST_ID = 2**63 - 1
_LAST_PORT = 65_535
_MOST_WORKERS = 256
_LONGEST_NAME = 150


class Parser(argparse.ArgumentParser):
    """A parser that tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        output.tell(f"{self.prog}: {message}. See {self.prog} --help.")
        raise SystemExit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            output.show(message)
        else:
            output.tell(message.rstrip("\n"))


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the option `--json`."""
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def identifier(text: str) -> int:
    """Return the id of a record."""
    return _integer(text, 1, _LAST_ID, "a positive integer")


def workers(text: str) -> int:
    """Return a number of processes."""
    return _integer(text, 1, _MOST_WORKERS, f"a number from 1 to {_MOST_WORKERS}")


def port(text: str) -> int:
    """Return a port number; 0 selects a free port."""
    return _integer(text, 0, _LAST_PORT, "a port number")


def _integer(text: str, least: int, most: int, wanted: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be {wanted}")
    return int(text)


def name(text: str) -> str:
    """Return a name: some visible characters on one line."""
    text = text.strip()
    if not 1 <= len(text) <= _LONGEST_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be 1 to {_LONGEST_NAME} printable characters")
    return text


def last_day(text: str) -> date:
    """Return a day that is not over yet (UTC)."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = None
    if day is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or day == date.max:
        raise argparse.ArgumentTypeError("must be a date like 2027-12-31")
    if day < now().date():
        raise argparse.ArgumentTypeError("must not be in the past")
    return day
