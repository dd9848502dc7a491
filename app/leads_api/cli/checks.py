"""The checks of `leads doctor`. Nothing is written."""

import re
from datetime import timedelta
from time import monotonic

from leads_api.cli.event_checks import EventChecks
from leads_api.cli.findings import LATE, Check, Finding, Found, Health, lasting
from leads_api.clock import now
from leads_api.events.store import indexes as indexes_of_events
from leads_api.memory import Memory
from leads_api.mongo import indexes, sharding
from leads_api.mongo.client import Client, deadline
from leads_api.mongo.diagnosis import server_of, try_to_watch, try_to_write
from leads_api.mongo.faults import DatabaseError, described
from leads_api.mongo.migration_runs import MigrationRuns
from leads_api.mongo.server_time import server_time
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.setup import INDEXES, SHARD_KEYS, STEPS

_CHECK_SECONDS = 10.0
_OLDEST_SERVER = 7
_MOST_SKEW = timedelta(seconds=2)
_SLOW_SECONDS = 0.1
_NAMED = 5


class Checks:
    """Checks one installation."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._database = client[settings.mongodb_database]
        self._settings = settings
        self._services = Services(settings, client, Memory())

    async def run(self) -> list[Finding]:
        """Run all checks; without a connection, only the first one."""
        first = await self._run("connection", self._connection)
        others: dict[str, Check] = {
            "topology": self._topology,
            "version": self._version,
            "indexes": self._indexes,
            "documents": self._documents,
            "shard keys": self._shard_keys,
            "writing": self._writing,
            "change stream": self._change_stream,
            "clock": self._clock,
            "mail server": self._mail_server,
            "mail queue": self._mail_queue,
            **EventChecks(self._services).all(),
        }
        if first.health is Health.FAILED:
            return [first]
        return [first, *[await self._run(name, check) for name, check in others.items()]]

    async def _run(self, name: str, check: Check) -> Finding:
        try:
            with deadline(_CHECK_SECONDS):
                return Finding(name, *await check())
        except DatabaseError as error:
            return Finding(name, Health.FAILED, described(error), _advice(error))

    async def _connection(self) -> Found:
        await server_time(self._database)  # opens the connection
        began = monotonic()
        await server_time(self._database)
        seconds = monotonic() - began
        if seconds > _SLOW_SECONDS:
            advice = "Run the service closer to its database, or find out what slows it down."
            return Health.DOUBTFUL, f"the database answers after {seconds * 1000:.0f} ms", advice
        return Health.GOOD, f"the database answers within {max(1, seconds * 1000):.0f} ms", None

    async def _topology(self) -> Found:
        server = await server_of(self._client)
        if not server.has_transactions:
            advice = "Start it with --replSet and run rs.initiate() once; a single member is enough."
            return Health.FAILED, "a standalone server, which has no transactions", advice
        if server.is_sharded:
            return Health.GOOD, "a sharded cluster", None
        members = f"{server.members} member{'' if server.members == 1 else 's'}"
        return Health.GOOD, f"the replica set {server.replica_set}, {members}", None

    async def _version(self) -> Found:
        version = (await server_of(self._client)).version
        if not (major := re.match(r"[0-9]+", version)) or int(major[0]) < _OLDEST_SERVER:
            return Health.FAILED, f"MongoDB {version}", f"Upgrade to MongoDB {_OLDEST_SERVER} or later."
        return Health.GOOD, f"MongoDB {version}", None

    async def _indexes(self) -> Found:
        wanted = {**INDEXES, **indexes_of_events(self._settings.event_days)}
        missing = await indexes.missing(self._database, wanted)
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            text = f"missing: {', '.join(missing[:_NAMED])}{more}"
            return Health.FAILED, text, "Start the service once, or run `leads indexes`."
        return Health.GOOD, f"all {sum(map(len, wanted.values()))} are there", None

    async def _documents(self) -> Found:
        if unfinished := await MigrationRuns(self._database, STEPS).unfinished():
            text = f"perhaps of earlier versions: {', '.join(unfinished)}"
            return Health.DOUBTFUL, text, "A running service brings them up to date; or run `leads migrate`."
        return Health.GOOD, "up to date", None

    async def _shard_keys(self) -> Found:
        if faults := await sharding.shard_key_faults(self._database, SHARD_KEYS):
            return Health.FAILED, "; ".join(faults), "See docs/operations.md, Sharded clusters."
        return Health.GOOD, "right, or none are needed", None

    async def _writing(self) -> Found:
        await try_to_write(self._database, "counters")
        return Health.GOOD, "a transaction could write, and was rolled back", None

    async def _change_stream(self) -> Found:
        await try_to_watch(self._database)
        return Health.GOOD, "can be opened", None

    async def _clock(self) -> Found:
        before = now()
        theirs = await server_time(self._database)
        skew = max(before - theirs, theirs - now(), timedelta(0))
        if skew > _MOST_SKEW:
            text = f"this machine's differs from the database server's by {skew.total_seconds():.0f} s"
            return (
                Health.DOUBTFUL,
                text,
                "Synchronise both clocks (NTP): API keys expire and dates are set by this one.",
            )
        return Health.GOOD, "as the database server's", None

    async def _mail_server(self) -> Found:
        if (sender := self._services.sender) is None:
            return Health.DOUBTFUL, "LEADS_SMTP_URL is not set: mails stay queued", "Set it, if you send welcome mails."
        if (reason := await sender.why_unreachable()) is not None:
            return Health.FAILED, reason, "Check LEADS_SMTP_URL, and that the mail server is running."
        return Health.GOOD, "accepts the connection and the login", None

    async def _mail_queue(self) -> Found:
        mails = self._services.mails
        since, failed = await mails.oldest(), await mails.dead()
        if failed:
            advice = "See `leads mails list --status failed`; then run `leads mails requeue --all`."
            return Health.DOUBTFUL, f"{failed} failed", advice
        if since is not None and now() - since > LATE:
            advice = (
                "See `leads mails list`: the mail server refuses them, or no service with LEADS_SMTP_URL is running."
            )
            return Health.DOUBTFUL, f"the oldest mail has been waiting for {lasting(now() - since)}", advice
        return Health.GOOD, "nothing is late", None


_NOT_ALLOWED = 13


def _advice(error: DatabaseError) -> str:
    if getattr(error, "code", None) == _NOT_ALLOWED:
        return "Give the user of LEADS_MONGODB_URI the role readWrite on this database."
    if error.timeout:
        return "It did not answer in time. Check that it is running, and the network."
    return "Check that it is running, and LEADS_MONGODB_URI."
