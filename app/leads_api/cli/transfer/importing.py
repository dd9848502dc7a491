"""The command `leads import`: makes a lead of each record of a file, once, however often it is run."""

import asyncio
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Struct

from leads_api.catalog.model import ADMIN
from leads_api.cli import arguments
from leads_api.cli.arguments import Given, Json, file_name, said
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json, tell
from leads_api.cli.transfer.columns import Body, Columns, read_mapping
from leads_api.cli.transfer.progress import Advance, shown_progress
from leads_api.cli.transfer.records import STANDARD, Record, Source, opened
from leads_api.cli.transfer.report import Report
from leads_api.cli.transfer.state import State, identity
from leads_api.cli.transfer.writing import SIZE, OnExisting, Outcome, Writer, key_of
from leads_api.mongo.client import Database
from leads_api.settings import Settings

_AT_ONCE = 3
"""Batches that are under way at a time."""


class Counts(Struct):
    """What became of the records."""

    created: int = 0
    updated: int = 0
    present: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        """All records."""
        return self.created + self.updated + self.present + self.refused


class Reached(Struct, frozen=True):
    """How far an import had come. It only saves time: what is repeated makes no second lead."""

    file: list[int]
    """Size and time of the file."""
    how: str
    """What must be the same for the import to go on."""
    counts: Counts
    report_size: int


class Plan(Struct, frozen=True):
    """What an import is asked to do."""

    file: str
    mapping: str | None
    delimiter: str | None
    encoding: str | None
    on_existing: OnExisting
    user: int
    dry_run: bool


def import_leads(
    file: Annotated[str, file_name("file to read, CSV or NDJSON; - is standard input")],
    /,
    *,
    mapping: Annotated[
        str | None, said("file (TOML) that names the field of each column", name="--map", metavar="FILE")
    ] = None,
    delimiter: Annotated[
        Literal["comma", "semicolon", "tab"] | None, said("delimiter of the CSV file; without it, the header decides")
    ] = None,
    encoding: Annotated[
        str | None,
        said(
            "encoding of the file, for example cp1252; without it, UTF-8 or UTF-16", arguments.encoding, metavar="NAME"
        ),
    ] = None,
    on_existing: Annotated[
        OnExisting, said("what to do with a record whose external id a lead has: leave the lead, or change it")
    ] = "skip",
    user: Annotated[int, said("team user who imports", arguments.identifier, metavar="ID")] = ADMIN,
    dry_run: Annotated[bool, said("check every record, and write nothing")] = False,
    json: Json = False,
    settings: Given,
) -> None:
    """Import leads."""
    plan = Plan(file, mapping, delimiter, encoding, on_existing, user, dry_run)

    async def work(database: Database) -> tuple[Counts, Report]:
        return await _Import(database, settings, plan).run()

    counts, report = on_database(settings, work, seconds=None)
    if json:
        told = msgspec.structs.asdict(counts) | {"report": str(report.path) if counts.refused else None}
        show_json({"read": counts.read} | told | {"dry_run": dry_run})
    else:
        show(_summary(counts, dry_run=dry_run))
    if counts.refused:
        has = "has those that were refused since it went on" if report.is_partial else "has them"
        raise Refused(f"{counts.refused} of {counts.read} records were refused: {report.path} {has} with the reasons.")


def _summary(counts: Counts, *, dry_run: bool) -> str:
    if dry_run:
        return f"{counts.read} records: {counts.created} can be imported, {counts.refused} are refused.\n"
    return (
        f"{counts.read} records: {counts.created} created, {counts.updated} changed, {counts.present} already there,"
        f" {counts.refused} refused.\n"
    )


class _Batch(NamedTuple):
    """A batch that is being written."""

    task: asyncio.Task[list[Outcome]]
    records: list[Record]
    keys: set[str]
    """The external ids of its records."""
    position: int


class _Import:
    def __init__(self, database: Database, settings: Settings, plan: Plan) -> None:
        self._database = database
        self._settings = settings
        self._plan = plan
        self._name = "standard-input" if plan.file == STANDARD else plan.file
        self._state = State(Path(f"{self._name}.import-state"), Reached)
        self._counts = Counts()

    async def run(self) -> tuple[Counts, Report]:
        async with Writer.on(self._database, self._settings, self._plan.user) as self._writer:
            with opened(self._plan.file) as (raw, size):
                source = Source(raw, encoding=self._plan.encoding, delimiter=self._plan.delimiter)
                mapping = read_mapping(self._plan.mapping) if self._plan.mapping else None
                columns = Columns(source.columns, mapping, await self._writer.settings())
                _tell(columns)
                reached = self._reached(columns, size)
                with Report(Path(f"{self._name}.refused.csv"), source.columns, size=reached.report_size) as report:
                    self._report = report
                    with shown_progress("Dry run" if self._plan.dry_run else "Import", size) as advance:
                        await self._all(source, columns, reached, advance)
        if not self._plan.dry_run:
            self._state.clear()
        return self._counts, report

    def _reached(self, columns: Columns, size: int | None) -> Reached:
        """Return where to begin."""
        plan = self._plan
        how = f"{identity(self._settings)} {columns.digest} {plan.on_existing} {plan.encoding} {plan.delimiter}"
        resumable = size is not None and not self._plan.dry_run
        stat = Path(self._plan.file).stat() if resumable else None
        begin = Reached([stat.st_size, stat.st_mtime_ns] if stat else [], how, Counts(), 0)
        before = self._state.read() if stat else None
        if before is None or (before.file, before.how) != (begin.file, begin.how):
            return begin
        self._counts = before.counts
        tell(f"An import that was interrupted goes on after {before.counts.read} records.")
        return before

    async def _all(self, source: Source, columns: Columns, reached: Reached, advance: Advance) -> None:
        records = islice(source, reached.counts.read, None)
        running: deque[_Batch] = deque()
        try:
            while batch := list(islice(records, SIZE)):
                bodies = [record.fault or columns.body(record) for record in batch]
                keys = {key for body in bodies if isinstance(body, Body) and (key := key_of(body)) is not None}
                # Records with the same external id are written in their order.
                while len(running) == _AT_ONCE or not all(keys.isdisjoint(other.keys) for other in running):
                    await self._finish(running.popleft(), reached, advance)
                task = asyncio.create_task(self._write(bodies))
                running.append(_Batch(task, batch, keys, source.position))
            while running:
                await self._finish(running.popleft(), reached, advance)
        finally:
            for each in running:
                each.task.cancel()

    async def _write(self, bodies: list[str | Body]) -> list[Outcome]:
        whole = [body for body in bodies if not isinstance(body, str)]
        if self._plan.dry_run:
            done = iter(await self._writer.check(whole))
        else:
            done = iter(await self._writer.write(whole, self._plan.on_existing))
        return [Outcome("refused", body) if isinstance(body, str) else next(done) for body in bodies]

    async def _finish(self, batch: _Batch, reached: Reached, advance: Advance) -> None:
        """Wait for the oldest batch, and note what became of its records."""
        for record, outcome in zip(batch.records, await batch.task, strict=True):
            setattr(self._counts, outcome.kind, getattr(self._counts, outcome.kind) + 1)
            if outcome.kind == "refused":
                self._report.add(record, outcome.reason)
        if reached.file:
            self._state.write(msgspec.structs.replace(reached, counts=self._counts, report_size=self._report.size))
        advance(batch.position, self._counts.read)


def _tell(columns: Columns) -> None:
    if columns.vendor:
        tell(f"The file looks like an export of {columns.vendor.name}.")
    for column, field in columns.targets.items():
        if field and column != field:
            tell(f"  {column} -> {field}")
    if columns.left_out:
        tell(f"Left out: {', '.join(columns.left_out)}.")
