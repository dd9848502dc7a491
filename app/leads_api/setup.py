"""Database setup: indexes, counters and the shipped settings before the first request, migrations afterwards."""

import asyncio
import logging

from leads_api.access import keys
from leads_api.catalog import store as catalog
from leads_api.catalog.seed import seed
from leads_api.checklists import store as checklists
from leads_api.clients import store as clients
from leads_api.events import store as events
from leads_api.events.relay import READER
from leads_api.files import store as files
from leads_api.http.health import Readiness
from leads_api.leads import external_ids
from leads_api.leads import store as leads
from leads_api.mail import store as mails
from leads_api.mongo import idempotency, ids, positions
from leads_api.mongo.client import REACH_SECONDS, Database, Standalone, deadline, is_mongomock, refuse_standalone
from leads_api.mongo.faults import DatabaseError, described
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Indexes, ensure
from leads_api.mongo.migration_runs import MigrationRuns
from leads_api.mongo.migrations import Steps
from leads_api.mongo.positions import Positions
from leads_api.mongo.sharding import ShardKeys, check_shard_keys
from leads_api.users import store as users
from leads_api.webhooks import deliveries
from leads_api.webhooks import store as webhooks

INDEXES: Indexes = {
    **leads.INDEXES,
    **external_ids.INDEXES,
    **checklists.INDEXES,
    **files.INDEXES,
    **clients.INDEXES,
    **catalog.INDEXES,
    **users.INDEXES,
    **mails.INDEXES,
    **events.INDEXES,
    **keys.INDEXES,
    **idempotency.INDEXES,
    **webhooks.INDEXES,
    **deliveries.INDEXES,
}
SHARD_KEYS: ShardKeys = {
    **leads.SHARD_KEYS,
    **external_ids.SHARD_KEYS,
    **files.SHARD_KEYS,
    **idempotency.SHARD_KEYS,
}
STEPS: Steps = {
    **leads.STEPS,
    **external_ids.STEPS,
    **checklists.STEPS,
    **files.STEPS,
    **clients.STEPS,
    **catalog.STEPS,
    **users.STEPS,
    **mails.STEPS,
    **events.STEPS,
    **keys.STEPS,
    **idempotency.STEPS,
    **webhooks.STEPS,
    **deliveries.STEPS,
    **ids.STEPS,
    **positions.STEPS,
}

_SEED_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

_log = logging.getLogger("leads.setup")


async def set_up(database: Database, *, event_days: int = events.KEPT_DAYS) -> None:
    """Create missing indexes, counters and settings. Safe to repeat and to run concurrently.

    Events are kept for `event_days`.
    """
    await ensure(database, {**INDEXES, **events.indexes(event_days)})
    await write_settings(database)


async def write_settings(database: Database) -> None:
    """Create missing counters and settings; commands need no more than these."""
    with deadline(_SEED_SECONDS):
        if not is_mongomock(database.client):
            await MigrationRuns(database, STEPS).note_if_new()
            await Positions(database, READER).begin()  # before the first lead, so that no event is missing
        await seed(database, Ids(database))


class Setup:
    """Sets up the database in the background, and then runs migrations."""

    def __init__(self, database: Database, readiness: Readiness, *, event_days: int) -> None:
        """`readiness` is updated when the database is reached and when it is set up."""
        self._database = database
        self._event_days = event_days
        self._readiness = readiness
        self.done = asyncio.Event()
        """Set when the database is set up."""

    async def begin(self) -> asyncio.Task[None]:
        """Start the setup, wait for it for at most REACH_SECONDS, and return its task. Raises Standalone.

        The service must start in any case and respond to `/health/live`: index builds may take hours, and the database
        may be unreachable.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + REACH_SECONDS
        try:
            await self._reach()
        except DatabaseError as error:
            _tell(error)
        running = asyncio.create_task(self._run())
        done = asyncio.create_task(self.done.wait())
        await asyncio.wait({running, done}, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        return running

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._reach()
                await set_up(self._database, event_days=self._event_days)
            except Standalone as error:
                _log.error("%s", error)
            except DatabaseError as error:
                _tell(error)
                if self._readiness.reached:  # back off: the failed step may be expensive for the server
                    pause = min(2 * pause, _LONGEST_PAUSE)
            except Exception:  # noqa: BLE001 - it is logged with its traceback; nothing else would report it
                _log.exception("the setup of the database failed")
                pause = _LONGEST_PAUSE
            else:
                break
            await asyncio.sleep(pause)
        self._readiness.set_up = True
        self.done.set()
        if not is_mongomock(self._database.client):
            await check_shard_keys(self._database, SHARD_KEYS)
            await MigrationRuns(self._database, STEPS).keep()

    async def _reach(self) -> None:
        """Check that the database responds, within REACH_SECONDS. Raises Standalone or DatabaseError."""
        self._readiness.reached = False
        if not is_mongomock(self._database.client):
            with deadline(REACH_SECONDS):
                await refuse_standalone(self._database.client)
        self._readiness.reached = True


def _tell(error: DatabaseError) -> None:
    _log.warning("the database cannot be set up yet: %s", described(error))
