"""The command `leads bench`: a quick look at how fast an installation answers."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated
from urllib.parse import quote

import msgspec

from leads_api.catalog.model import LEAD_CATEGORY, NEW
from leads_api.cli import arguments
from leads_api.cli.arguments import Given, Json, said
from leads_api.cli.connection import Refused
from leads_api.cli.load import Load, Measured, Operation
from leads_api.cli.output import show_json, show_table, tell
from leads_api.cli.serve import KEY_FILE
from leads_api.settings import Settings

_HEAD = ("OPERATION", "REQUESTS", "PER SECOND", "MEDIAN MS", "95 % MS", "99 % MS", "ERRORS")
_BODY = {"lead_title": "leads bench", "lead_status": NEW, "lead_categoryid": LEAD_CATEGORY}


def bench(
    *,
    url: Annotated[str, said("address of the service", arguments.url, metavar="URL")] = "http://127.0.0.1:8000",
    at_once: Annotated[
        int, said("connections at a time", arguments.connections, name="--connections", metavar="NUMBER")
    ] = 16,
    duration: Annotated[
        int, said("how long each operation is measured", arguments.seconds, name="--seconds", metavar="SECONDS")
    ] = 5,
    writes: Annotated[bool, said("also create leads, and delete them afterwards")] = False,
    json: Json = False,
    settings: Given,
) -> None:
    """Measure an installation."""
    load = Load(url, _key(settings), connections=at_once, seconds=duration)
    source = f"leads bench {secrets.token_hex(4)}" if writes else None
    measured = asyncio.run(_all(load, duration, source))
    if json:
        show_json([msgspec.structs.asdict(each) for each in measured])
    elif sys.stdout is not None and sys.stdout.isatty():
        _show_pretty(measured)
    else:
        show_table(_HEAD, [_row(each) for each in measured])
    if failed := sum(each.errors for each in measured):
        raise Refused(f"{failed} requests failed: the figures say little. See the log of the service.")


async def _all(load: Load, duration: int, source: str | None) -> list[Measured]:
    """Measure all operations. With a source, leads that have it are created, and deleted in any case."""
    lead_id = await load.first_lead()
    operations = [Operation("answer at all", "GET", "/health/live")]
    if lead_id is not None:
        operations.append(Operation("get a lead", "GET", f"/api/leads/{lead_id}"))
    operations.append(Operation("list leads", "GET", "/api/leads"))
    operations.append(Operation("search leads", "GET", "/api/leads?search=acme"))
    if source is None:
        return await _measured(load, operations, duration)
    body = msgspec.json.encode(_BODY | {"lead_source": source})
    operations.append(Operation("create a lead", "POST", "/api/leads", body))
    interrupted = _interruptions(load, source)
    try:
        measured = await _measured(load, operations, duration)
    finally:
        await _clean_up(load, source)
    if interrupted:
        raise SystemExit(128 + interrupted[0])
    return measured


async def _measured(load: Load, operations: Sequence[Operation], duration: int) -> list[Measured]:
    with _shown([operation.name for operation in operations], duration) as begin:
        return [await load.measure(each, begin(each.name)) for each in operations if not load.ending]


def _interruptions(load: Load, source: str) -> list[int]:
    """From now on, end the load at the first signal, and this process at the second. Return the signals that come."""
    numbers: list[int] = []

    def interrupt(number: int) -> None:
        numbers.append(number)
        if len(numbers) > 1:
            tell(_left(load.most_left, source))
            os._exit(128 + number)
        tell("The leads that were created are being deleted. Interrupt again to leave them.")
        load.ending = True

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    return numbers


async def _clean_up(load: Load, source: str) -> None:
    try:
        left = await load.clean_up(source)
    except OSError:
        left = load.most_left
    if left:
        tell(_left(left, source))


def _left(count: int, source: str) -> str:
    return f"Up to {count} leads are left. Find them by GET /api/leads?source={quote(source)}, and delete them."


def _key(settings: Settings) -> str:
    if settings.api_key is not None:
        return settings.api_key
    with suppress(OSError):
        return (settings.data_dir / KEY_FILE).read_text().strip()
    raise Refused("an API key is needed: set LEADS_API_KEY, or run this in the folder where `make run` was started.")


@contextmanager
def _shown(names: Sequence[str], duration: int) -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Show a bar for each operation in a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - takes time, and is needed in a terminal only
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    width = max(map(len, names))
    with Progress(TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), transient=True) as bar:

        def begin(name: str) -> Callable[[float], None]:
            task = bar.add_task(f"{name:{width}}", total=duration)
            return lambda elapsed: bar.update(task, completed=elapsed)

        yield begin


def _row(each: Measured) -> list[str]:
    times = [f"{time:.1f}" for time in (each.median, each.p95, each.p99)]
    return [each.operation, str(each.requests), f"{each.per_second:.0f}", *times, str(each.errors)]


def _show_pretty(measured: Sequence[Measured]) -> None:
    from rich.console import Console  # noqa: PLC0415 - takes time, and is needed in a terminal only
    from rich.table import Table  # noqa: PLC0415

    table = Table()
    for number, title in enumerate(_HEAD):
        table.add_column(title.capitalize(), justify="right" if number else "left")
    for each in measured:
        table.add_row(*_row(each))
    Console().print(table)
