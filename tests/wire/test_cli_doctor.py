"""`leads doctor`: what the service stands on, and what to do about it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from leads_api.mail.store import MailQueue, Verdict
from leads_api.mongo.client import Client, Database
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import MAIL_FROM, PORTAL
from tests.wire.process import free_port, leads

Findings = dict[str, tuple[str, str, str | None]]
CHECKS = [
    "connection", "topology", "version", "indexes", "documents", "shard keys", "writing", "change stream", "clock",
    "mail server", "mail queue",
]  # fmt: skip


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    name = f"doctor_{uuid4().hex[:20]}"
    yield wire_client[name]
    await wire_client.drop_database(name)


@pytest.fixture
async def given(server_uri: str, database: Database) -> dict[str, str]:
    """Settings that lead to a database that is set up."""
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}
    await leads("seed", **settings)
    return settings


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
    slow = {"connection"}  # on a busy machine
    assert {name: health for name, (health, _, _) in found.items() if health != "ok" and name not in slow} == {}
    assert found["topology"][1].startswith("the replica set ")
    assert smtp.mails == []
    assert await contents(database) == before


async def test_each_fault_is_named_with_what_to_do(given: dict[str, str], database: Database) -> None:
    await database["leads"].drop_index("updated")
    await database["migrations"].update_one({"_id": "leads"}, {"$set": {"version": 1}})
    queue = MailQueue(database)
    await queue.enqueue_welcome("failed@acme.example", "Jane Doe", None)
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
    await MailQueue(database).enqueue_welcome("jane@acme.example", "Jane Doe", None)
    old = datetime.now(UTC) - timedelta(hours=1)
    await database["mails"].update_one({}, {"$set": {"created": old}})

    found = await examined(0, **given)

    assert found["mail queue"][0] == "warning"
    assert "waiting for 6" in found["mail queue"][1]
    assert found["mail server"][0] == "warning"  # none is set


async def test_for_people_the_advice_is_below_the_finding(given: dict[str, str], database: Database) -> None:
    await database["leads"].drop_index("updated")

    done = await leads("doctor", **given)

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.split()[:2] == ["failed", "indexes"])
    assert lines[at + 1].strip() == "-> Start the service once, or run `leads indexes`."
    assert done.stderr.splitlines()[-1] == "leads: 1 of 11 checks failed: indexes."


async def test_without_a_database_the_connection_is_all_that_is_checked() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"

    found = await examined(1, LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT="1")

    assert list(found) == ["connection"]
    assert found["connection"][0] == "failed"
    assert found["connection"][2]
