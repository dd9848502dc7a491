"""A database that is killed again and again under mixed load: the service recovers, and keeps its promises."""

import asyncio
import random
import sys
from pathlib import Path

import pytest

from tests.faults.database import Database
from tests.faults.extent import extent
from tests.faults.history import History
from tests.faults.judge import judged
from tests.faults.load import Load
from tests.wire.process import running

pytestmark = pytest.mark.own_database

KILLS = extent(bounded=4, full=20)


async def test_kills_of_the_database_under_mixed_load_break_no_promise(tmp_path: Path, database: Database) -> None:
    history = History()
    database.start()
    async with running(
        tmp_path, LEADS_MONGODB_URI=database.uri, LEADS_REQUEST_TIMEOUT="3", LEADS_LOG_LEVEL="info"
    ) as service:
        load = Load(history, service.url)
        async with load.running():
            for _ in range(KILLS):
                await load.acknowledged(random.randrange(10, 60))
                await asyncio.to_thread(database.kill)
                await asyncio.to_thread(database.start)
                await service.until(200)
            await load.acknowledged(20)
        verdict = await judged(history, database.uri, service)

    sys.stdout.write(f"{KILLS} kills of the database: {verdict}\n")
    assert verdict.faults == []
