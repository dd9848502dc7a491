"""The command `leads export`: writes all leads to a file, in the order of their ids."""

import asyncio
import csv
import io
import sys
from collections.abc import Sequence
from typing import Annotated, BinaryIO, Literal

import msgspec

from leads_api.catalog.cache import Catalog
from leads_api.cli.arguments import Given, Json, file_name, said
from leads_api.cli.commands import NotValid
from leads_api.cli.connection import on_database
from leads_api.cli.output import CannotWrite, NobodyReads, show_json, tell
from leads_api.cli.transfer.draft import Draft, Reached
from leads_api.cli.transfer.flat import columns_of, row_of
from leads_api.cli.transfer.progress import Advance, shown_progress
from leads_api.cli.transfer.records import STANDARD
from leads_api.cli.transfer.state import PAUSES, identity
from leads_api.http.envelope import encode
from leads_api.leads.exports import count, pages
from leads_api.leads.model import Lead
from leads_api.mongo.client import Database, deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.settings import Settings

Format = Literal["csv", "ndjson"]
_START_SECONDS = 10.0


def export(
    file: Annotated[str, file_name("file to write; - is standard output")] = STANDARD,
    /,
    *,
    form: Annotated[
        Format | None, said("form of the file; without it, the end of its name decides", name="--format")
    ] = None,
    json: Json = False,
    settings: Given,
) -> None:
    """Export all leads."""
    form = form or _form_of(file)
    if json and file == STANDARD:
        raise NotValid("argument --json: not allowed when the leads go to standard output")

    async def work(database: Database) -> int:
        return await _export(database, settings, file, form)

    leads = on_database(settings, work, seconds=None)
    if json:
        show_json({"exported": leads, "file": file, "format": form})
    else:
        tell(f"{leads} leads exported{'' if file == STANDARD else f' to {file}'}.")


def _form_of(file: str) -> Format:
    if file.endswith((".ndjson", ".jsonl")):
        return "ndjson"
    if file.endswith(".csv"):
        return "csv"
    raise NotValid("argument --format: is required unless FILE ends with .csv, .ndjson or .jsonl")


async def _export(database: Database, settings: Settings, file: str, form: Format) -> int:
    catalog = Catalog(database, seconds=settings.cache_seconds)
    with deadline(_START_SECONDS):
        custom = [field["name"] for field in (await catalog.snapshot()).custom_fields]
        total = await count(database)
    leads = _Leads(database, catalog, form, custom)
    with shown_progress("Export", total) as advance:
        if file == STANDARD:
            return await leads.write(sys.stdout.buffer, None, advance)
        with Draft(file, f"{identity(settings)} {form} {' '.join(custom)}") as draft:
            if draft.reached.leads:
                tell(f"An export that was interrupted goes on after {draft.reached.leads} leads.")
            written = await leads.write(draft.file, draft, advance)
            draft.finish()
            return written


class _Leads:
    def __init__(self, database: Database, catalog: Catalog, form: Format, custom: Sequence[str]) -> None:
        self._database = database
        self._catalog = catalog
        self._form = form
        self._custom = custom

    async def write(self, output: BinaryIO, draft: Draft | None, advance: Advance) -> int:
        """Write all leads, or those that a draft does not have yet. Return how many there are then.

        A page that the database does not give is asked for again, as a batch of an import is written again.
        """
        leads, last = (draft.reached.leads, draft.reached.lead_id) if draft else (0, 0)
        if self._form == "csv" and not leads:
            _put(output, _rows([columns_of(self._custom)]))
        pauses = iter(PAUSES)
        while True:
            try:
                async for page in pages(self._database, self._catalog, after=last):
                    _put(output, self._encoded(page))
                    leads, last = leads + len(page), page[-1].id
                    if draft:
                        draft.note(Reached(draft.reached.how, last, leads, output.tell()))
                    advance(leads, leads)
                    pauses = iter(PAUSES)
            except DatabaseError:
                if (pause := next(pauses, None)) is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return leads

    def _encoded(self, page: Sequence[Lead]) -> bytes:
        if self._form == "csv":
            return _rows([row_of(msgspec.to_builtins(lead), self._custom) for lead in page])
        return b"".join(encode(lead) + b"\n" for lead in page)


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _put(output: BinaryIO, content: bytes) -> None:
    """Write and flush. Raises CannotWrite."""
    try:
        output.write(content)
        output.flush()
    except BrokenPipeError:
        raise NobodyReads("nobody reads standard output") from None
    except OSError as error:
        raise CannotWrite(f"the export cannot be written: {error.strerror}") from None
