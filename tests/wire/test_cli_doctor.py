"""`leads doctor`: what the service stands on, and what to do about it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from leads_api.mail.store import MailQueue, Verdict, welcome
from leads_api.mongo.client import Database
from leads_api.mongo.server_time import server_time
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import MAIL_FROM, PORTAL
from tests.wire.process import free_port, leads, running, until

Findings = dict[str, tuple[str, str, str | None]]
CHECKS = [
    "connection", "topology", "version", "indexes", "documents", "shard keys", "writing", "change stream", "clock",
    "mail server", "mail queue", "relay", "feed", "feed gaps", "pending deliveries", "failed deliveries", "webhooks",
]  # fmt: skip


async def examined(status: int, **given: str) -> Findings:
    done = await leads("doctor", "--json", **given)
    assert done.returncode == status, done.stderr
    return {found["check"]: (found["health"], found["text"], found["advice"]) for found in json.loads(done.stdout)}


async def contents(database: Database) -> dict[str, list[object]]:
    names = sorted(await database.list_collection_names())
    return {name: [document async for document in database[name].find().sort("_id", 1)] for name in names}


async def test_a_sound_installation_passes_every_check_and_nothing_is_written(
    given: dict[str, str], database: Database
) -> None:
    before = await contents(database)
    async with SmtpServer() as smtp:
        mail = {"LEADS_SMTP_URL": smtp.url(), "LEADS_MAIL_FROM": MAIL_FROM, "LEADS_PORTAL_URL": PORTAL}

        found = await examined(0, **given, **mail)

    assert list(found) == CHECKS
    slow = {"connection", "feed"}  # on a busy machine
    assert {name for name, (health, _, _) in found.items() if health != "ok" and name not in slow} == {"relay"}
    assert found["relay"][1] == "no process relays events"  # no service runs
    assert str(found["relay"][2]).startswith("Start the service.")
    assert found["topology"][1].startswith("the replica set ")
    assert smtp.mails == []
    assert await contents(database) == before


async def test_each_fault_is_named_with_what_to_do(given: dict[str, str], database: Database) -> None:
    await database["leads"].drop_index("updated")
    await database["migrations"].update_one({"_id": "leads"}, {"$set": {"version": 1}})
    queue = MailQueue(database)
    await queue.enqueue([welcome("failed@acme.example", "Jane Doe")], None)
    mail = await queue.take()
    assert mail is not None
    await queue.failed(mail, "SMTP 550", Verdict.REFUSED_FOR_GOOD)
    nobody = f"smtp://127.0.0.1:{free_port()}"
    away = {"LEADS_SMTP_URL": nobody, "LEADS_MAIL_FROM": MAIL_FROM, "LEADS_PORTAL_URL": PORTAL}

    found = await examined(1, **given, **away)

    assert found["indexes"] == ("failed", "missing: leads.updated", "Start the service once, or run `leads indexes`.")
    assert found["documents"][:2] == ("warning", "perhaps of earlier versions: leads")
    assert "`leads migrate`" in str(found["documents"][2])
    assert found["mail server"][0] == "failed"
    assert "LEADS_SMTP_URL" in str(found["mail server"][2])
    assert found["mail queue"][:2] == ("warning", "1 failed")
    assert "`leads mails requeue --all`" in str(found["mail queue"][2])


async def test_a_mail_that_waits_for_long_is_a_warning(given: dict[str, str], database: Database) -> None:
    await MailQueue(database).enqueue([welcome("jane@acme.example", "Jane Doe")], None)
    old = datetime.now(UTC) - timedelta(hours=1)
    await database["mails"].update_one({}, {"$set": {"created": old}})

    found = await examined(0, **given)

    assert found["mail queue"][0] == "warning"
    assert "waiting for 6" in found["mail queue"][1]
    assert found["mail server"][0] == "warning"  # none is set


async def test_beside_a_running_service_the_relay_is_alive_and_the_feed_is_young(
    given: dict[str, str], tmp_path: Path
) -> None:
    async with running(tmp_path, given=given) as service:

        async def relays() -> bool:
            return "this process relays the events" in service.log

        await until(relays, "the relay")
        found = await examined(0, **given)

    assert found["relay"][0] == "ok"
    assert found["relay"][1].startswith("a process relays events; it was heard of ")
    assert found["feed"][1].startswith("has all changes until ")
    assert found["feed gaps"] == ("ok", "none among the events that are kept", None)
    assert found["pending deliveries"] == ("ok", "0 pending", None)
    assert found["failed deliveries"] == ("ok", "none", None)
    assert found["webhooks"] == ("ok", "0, none is disabled or failing", None)


async def test_a_relay_that_is_silent_a_feed_that_is_behind_and_gaps_are_warnings(
    given: dict[str, str], database: Database
) -> None:
    moment = await server_time(database)
    lease = {"owner": 1, "until": moment - timedelta(hours=5)}
    progress = {"lease": lease, "complete": moment - timedelta(hours=6)}
    await database["positions"].update_one({"_id": "leads"}, {"$set": progress})
    gaps = [{"_id": number, "type": "feed.gap", "at": datetime(2026, 6, number, tzinfo=UTC)} for number in (1, 2)]
    await database["events"].insert_many([*gaps, {"_id": 3, "type": "lead.created"}])

    found = await examined(0, **given)

    assert found["relay"][:2] == ("warning", "the process that relayed events has been silent for 5 hours")
    assert "takes over within 15 s" in str(found["relay"][2])
    assert found["feed"][:2] == ("warning", "6 hours behind the changes of leads")
    assert "oplog" in str(found["feed"][2])
    last = "2026-06-02T00:00:00.000000Z"
    assert found["feed gaps"][:2] == ("warning", f"2 among the events that are kept, the last one at {last}")
    assert "read all leads again" in str(found["feed gaps"][2])

    await database["positions"].update_one(
        {"_id": "leads"}, {"$unset": {"complete": 1}}
    )  # as an earlier version had it

    assert (await examined(0, **given))["feed"][:2] == ("warning", "it is not known how far it is behind")


async def test_deliveries_that_wait_or_have_failed_and_webhooks_that_fail_or_are_disabled_are_warnings(
    given: dict[str, str], database: Database
) -> None:
    moment = await server_time(database)

    def pending(number: int, webhook: int, *, created: int, due: int) -> dict[str, object]:
        times = {"dates": {"created": moment - timedelta(hours=created)}, "due": moment - timedelta(hours=due)}
        return {"_id": number, "webhook": webhook, "status": "pending"} | times

    await database["webhooks"].insert_many(
        [
            {"_id": 1, "status": "active", "failing_since": moment - timedelta(hours=3)},
            {"_id": 2, "status": "active", "failing_since": moment},
            *({"_id": number, "status": "disabled", "failing_since": moment} for number in range(3, 10)),
        ]
    )
    await database["webhook_deliveries"].insert_many(
        [
            pending(1, 3, created=90, due=80),  # its webhook is disabled
            pending(2, 1, created=4, due=-1),
            pending(3, 2, created=1, due=-1),
            *({"_id": number, "webhook": 1, "status": "failed"} for number in (4, 5)),
        ]
    )

    found = await examined(0, **given)

    refused = "Their receivers do not accept them. GET /api/webhooks/{id}/deliveries shows what is wrong."
    assert found["pending deliveries"] == ("warning", "3 pending, the oldest for 4 hours", refused)
    assert found["failed deliveries"][:2] == ("warning", "2 have failed for good")
    assert "/redeliver" in str(found["failed deliveries"][2])
    assert found["webhooks"][:2] == ("warning", "disabled: 3, 4, 5, 6, 7 and 2 more; failing: 1")
    assert "PATCH /api/webhooks/{id}" in str(found["webhooks"][2])

    await database["webhook_deliveries"].insert_one(pending(6, 2, created=3, due=2))

    late = (await examined(0, **given))["pending deliveries"]

    assert late[:2] == ("warning", "4 pending, the oldest for 4 hours, and one is 2 hours late")
    assert "Start the service" in str(late[2])


async def test_for_people_the_advice_is_below_the_finding(given: dict[str, str], database: Database) -> None:
    await database["leads"].drop_index("updated")

    done = await leads("doctor", **given)

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.split()[:2] == ["failed", "indexes"])
    assert lines[at + 1].strip() == "-> Start the service once, or run `leads indexes`."
    assert done.stderr.splitlines()[-1] == "leads: 1 of 17 checks failed: indexes."


async def test_without_a_database_the_connection_is_all_that_is_checked() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"

    found = await examined(1, LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT="1")

    assert list(found) == ["connection"]
    assert found["connection"][0] == "failed"
    assert found["connection"][2]
