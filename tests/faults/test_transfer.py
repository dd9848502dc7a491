"""An export goes on though the database is killed."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.faults.database import Database
from tests.wire.process import SECONDS, begun, leads, until
from tests.wire.test_cli_import import MANY, imported, leads_done, read, written

pytestmark = pytest.mark.own_database


async def test_an_export_goes_on_though_the_database_is_killed(tmp_path: Path, database: Database) -> None:
    database.start()
    given = {"LEADS_MONGODB_URI": database.uri, "LEADS_MONGODB_DATABASE": "transfer"}
    assert (await leads("seed", **given)).returncode == 0
    sent = [{"lead_title": f"Lead {number}", "lead_external_id": f"crm-{number}"} for number in range(MANY)]
    await imported(given, written(tmp_path / "sent.ndjson", *map(json.dumps, sent)))
    out, state = tmp_path / "all.ndjson", tmp_path / "all.ndjson.export-state"

    with begun("export", str(out), **given) as process:

        async def has_begun() -> bool:
            return leads_done(state) > 0

        await until(has_begun, "a page is written")
        process.send_signal(signal.SIGSTOP)
        try:
            done = leads_done(state)
            await asyncio.to_thread(database.kill)
            await asyncio.to_thread(database.start)
        finally:  # the end of the block waits for the process
            process.send_signal(signal.SIGCONT)
        _, told = await asyncio.to_thread(process.communicate, timeout=SECONDS)

    assert done < MANY
    assert process.returncode == 0, told
    assert sorted(lead["external_id"] for lead in read(out)) == sorted(lead["lead_external_id"] for lead in sent)
