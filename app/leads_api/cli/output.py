"""What commands print: results to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from leads_api.clock import shown_time


class CannotWrite(Exception):  # noqa: N818 - named as the failures are
    """Standard output cannot be written; the message says why."""


class NobodyReads(CannotWrite):
    """The program that reads standard output has ended, as `head` does when it has enough."""


def show(text: str) -> None:
    """Write a result to standard output, now. Raises CannotWrite."""
    if sys.stdout is None:
        raise CannotWrite("standard output is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is still buffered goes nowhere; else Python would try to write it again at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise NobodyReads("nobody reads standard output") from None
        raise CannotWrite(f"standard output cannot be written: {error.strerror}") from None


def show_json(value: Any) -> None:
    """Write a result to standard output as JSON. Raises CannotWrite."""
    show(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to standard output, with control characters as escapes. Raises CannotWrite."""
    lines = [head, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    show("\n".join(texts) + "\n")


def tell(text: str) -> None:
    """Write a line to standard error. If nobody reads it, the command goes on."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()


def printable(text: str) -> str:
    """Return a text on one line, with control characters as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shown_second(moment: datetime | None) -> str:
    """Return a time for a table: to the second, or a dash."""
    return "-" if moment is None else f"{shown_time(moment)[:19]}Z"
