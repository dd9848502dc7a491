"""The report of refused records: a CSV file that can be corrected and imported."""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from leads_api.cli.output import tell
from leads_api.cli.transfer.records import Record

REASON_COLUMNS = ("refused_line", "refused_reason")


class Report:
    """Writes refused records to a file, which is made with the first one."""

    def __init__(self, path: Path, columns: Sequence[str], *, size: int) -> None:
        """Continue a report of `size` bytes; what is behind them is of an import that was killed."""
        self.path = path
        self._columns = [*REASON_COLUMNS, *(columns or ["record"])]
        there = path.stat().st_size if size and path.exists() else 0
        self.is_partial = there < size
        """Whether the records that were refused before are missing."""
        if self.is_partial:
            tell(f"{path} was moved or changed: from here on, refused records are added to what is there now.")
        elif size:
            with path.open("r+b") as file:
                file.truncate(size)
        else:
            path.unlink(missing_ok=True)
        self._file = path.open("a", encoding="utf-8", newline="", errors="surrogateescape") if there else None

    @property
    def size(self) -> int:
        """How many bytes have been written."""
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.tell()

    def add(self, record: Record, reason: str) -> None:
        """Add a record."""
        if self._file is None:
            self._file = self.path.open("x", encoding="utf-8", newline="", errors="surrogateescape")
            csv.writer(self._file).writerow(self._columns)
        csv.writer(self._file).writerow([str(record.line), reason, *record.cells])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
