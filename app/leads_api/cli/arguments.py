"""Parsers of command-line values. Each raises ArgumentTypeError for an invalid value."""

import argparse
from datetime import UTC, datetime

_LAST_PORT = 65_535


def positive(text: str) -> int:
    """Return a positive integer."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a positive integer")
    return int(text)


def port(text: str) -> int:
    """Return a port number; 0 selects a free port."""
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError("must be a port number")
    return int(text)


def date(text: str) -> datetime:
    """Return the start of a day in UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date like 2027-12-31") from None
