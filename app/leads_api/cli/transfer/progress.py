"""Shows how a transfer goes on: a bar in a terminal, a line from time to time elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from leads_api.cli.output import tell

_LINE_SECONDS = 10.0

Advance = Callable[[int, int], None]
"""Tells how many units are done of the total, and how many records."""


@contextmanager
def shown_progress(title: str, total: int | None) -> Iterator[Advance]:
    """Show the progress of the block on standard error; `total` is in the same unit as what it is told."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines(title, total)
        return
    from rich.console import Console  # noqa: PLC0415 - takes time, and is needed in a terminal only
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[records]:>9,} leads  {task.fields[rate]:>6,.0f}/s"),
        TimeRemainingColumn(),
    )
    began, first = monotonic(), -1
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, records=0, rate=0.0)

        def advance(done: int, records: int) -> None:
            nonlocal first
            first = records if first < 0 else first
            rate = (records - first) / max(monotonic() - began, 0.001)
            bar.update(task, completed=done, records=records, rate=rate)

        yield advance


class _Lines:
    def __init__(self, title: str, total: int | None) -> None:
        self._title = title
        self._total = total
        self._told = monotonic()

    def __call__(self, done: int, records: int) -> None:
        if monotonic() - self._told >= _LINE_SECONDS:
            self._told = monotonic()
            share = f" ({done / self._total:.0%})" if self._total else ""
            tell(f"{self._title}: {records} leads{share}")
