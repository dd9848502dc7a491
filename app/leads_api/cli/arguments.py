"""Values on the command line."""

import argparse
from datetime import UTC, datetime

_LAST_PORT = 65_535


def positive(text: str) -> int:
    """Return a positive integer."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a positive integer")
    return int(text)


def port(text: str) -> int:
    """Return the number of a port; 0 is any free one."""
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError("must be a port number")
    return int(text)


def date(text: str) -> datetime:
    """Return the first moment of a day, UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date like 2027-12-31") from None
