"""Reads the records of an import file, CSV or NDJSON, one after the other."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

from leads_api.cli.connection import Refused
from leads_api.errors import BadRequest
from leads_api.validation.bodies import JSON, read_body

MAX_CHARACTERS = 1_048_576
"""Limit of a record, so that a quote that is not closed does not read the whole file into memory."""

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
STANDARD = "-"
"""Stands for standard input or output."""

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Record(NamedTuple):
    """One record of a file."""

    line: int
    """The line on which it begins."""
    values: dict[str, Any]
    """What it has, by column or key."""
    fault: str | None
    """Why it cannot be read."""
    cells: list[str]
    """What it has, as text, for the report of refused records."""


class Source:
    """An open import file."""

    def __init__(self, raw: BinaryIO, *, encoding: str | None, delimiter: str | None) -> None:
        """Raises Refused for a file that cannot be imported."""
        self._raw = cast("io.BufferedReader", raw)
        text = io.TextIOWrapper(self._raw, encoding=encoding or self._encoding(), errors="surrogateescape", newline="")
        self._lines = _Lines(text)
        first = self._first_line()
        self.is_json = first.lstrip().startswith("{")
        if first.lstrip().startswith("["):
            raise Refused(
                "a JSON array cannot be imported: write one object on each line, for example with jq -c '.[]'."
            )
        self._delimiter = DELIMITERS[delimiter] if delimiter else _delimiter_of(first)
        self.columns: list[str] = [] if self.is_json else self._header()

    @property
    def position(self) -> int:
        """How many bytes have been read, about."""
        return self._raw.tell() if self._raw.seekable() else 0

    def __iter__(self) -> Iterator[Record]:
        """Return the records. Raises Refused if one is so long that it cannot be read."""
        return self._objects() if self.is_json else self._rows()

    def _encoding(self) -> str:
        start = self._raw.peek(4)
        return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")

    def _first_line(self) -> str:
        for line in self._lines:
            if line.strip():
                self._lines.again = line
                return line
        raise Refused("the file is empty.")

    def _header(self) -> list[str]:
        names = [name.strip() for name in next(csv.reader(self._lines, delimiter=self._delimiter))]
        if doubled := next((name for name in names if names.count(name) > 1 and name), None):
            raise Refused(f"the header has the column {doubled} twice.")
        return names

    def _rows(self) -> Iterator[Record]:
        rows = csv.reader(self._lines, delimiter=self._delimiter)
        while True:
            line = self._lines.number + 1
            self._lines.size = 0
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:  # a cell over the limit of the csv module
                yield Record(line, {}, f"is no CSV: {error}", [])
                continue
            if not any(cells):
                continue
            yield Record(line, dict(zip(self.columns, cells, strict=False)), self._fault(cells), cells)

    def _fault(self, cells: list[str]) -> str | None:
        if len(cells) != len(self.columns):
            return f"has {len(cells)} values, but the header has {len(self.columns)} columns"
        return _undecoded("".join(cells))

    def _objects(self) -> Iterator[Record]:
        for ended in self._lines:
            line, self._lines.size = self._lines.number, 0
            text = ended.strip()
            if not text:
                continue
            values: dict[str, Any] = {}
            fault = _undecoded(text)
            if fault is None:
                try:
                    values = read_body(text.encode(), JSON, "", {}, {})
                except BadRequest as error:
                    fault = error.message.replace("The request body", "").strip(" .")
            yield Record(line, values, fault, [text])


class _Lines:
    """The lines of a text, bounded."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0
        self.size = 0
        """The characters that were read since it was set to 0."""
        self.again: str | None = None
        """A line to be returned once more."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.again is not None:
            line, self.again = self.again, None
            return line
        line = self._text.readline(MAX_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.size += len(line)
        if self.size > MAX_CHARACTERS:
            raise Refused(
                f"the record that ends on line {self.number} has more than {MAX_CHARACTERS} characters. Is a quote not"
                " closed?"
            )
        return line


@contextmanager
def opened(path: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield a file or standard input, and its size in bytes if it is known. Raises OSError."""
    if path == STANDARD:
        yield sys.stdin.buffer, None
        return
    with Path(path).open("rb") as file:
        yield file, Path(path).stat().st_size


def identity_of(values: dict[str, Any]) -> str:
    """Return a text that is equal for equal records, whatever the order of their columns."""
    there = {name: value for name, value in values.items() if value not in ("", None)}
    return json.dumps(there, sort_keys=True, default=str)


def _undecoded(text: str) -> str | None:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not text in UTF-8: name the encoding with --encoding, for example cp1252"
    return None


def _delimiter_of(header: str) -> str:
    """Return the delimiter that a header has most often."""
    return max(DELIMITERS.values(), key=header.count)
