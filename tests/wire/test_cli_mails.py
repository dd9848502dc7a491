"""`leads mails` beside a running service and without one (contract, section 6)."""

import json
import re
from pathlib import Path

import pytest
from bson import ObjectId

from leads_api.mail.store import Mail, MailQueue, Verdict, welcome
from leads_api.mongo.client import Database
from tests.client import Json
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import MAIL_FROM, PORTAL, Outbox, convert
from tests.wire.process import leads, running


@pytest.fixture
async def queue(given: dict[str, str], database: Database) -> MailQueue:
    """A queue with a sent mail, a failed one, one that waits for its next attempt, and a new one."""
    queue = MailQueue(database, first_pause_seconds=3000)
    await queue.sent(await leased(queue, "sent@acme.example"))
    await queue.failed(await leased(queue, "failed@acme.example"), "SMTP 550", Verdict.REFUSED_FOR_GOOD)
    await queue.failed(await leased(queue, "waiting@acme.example"), "SMTP 553", Verdict.NOT_ABOUT_MAIL)
    await queue.enqueue([welcome("new@acme.example", "New")], None)
    return queue


async def leased(queue: MailQueue, recipient: str) -> Mail:
    await queue.enqueue([welcome(recipient, "Jane Doe")], None)
    mail = await queue.take()
    assert mail is not None
    assert mail.recipient == recipient
    return mail


async def listed(*options: str, **given: str) -> list[Json]:
    done = await leads("mails", "list", "--json", *options, **given)
    assert done.returncode == 0, done.stderr
    mails: list[Json] = json.loads(done.stdout)
    return mails


async def test_mails_are_listed_in_the_order_in_which_they_were_queued(given: dict[str, str], queue: MailQueue) -> None:
    mails = await listed(**given)

    assert [(mail["recipient"].partition("@")[0], mail["status"], mail["attempts"]) for mail in mails] == [
        ("sent", "sent", 1), ("failed", "failed", 1), ("waiting", "queued", 1), ("new", "queued", 0)
    ]  # fmt: skip
    assert [mail["error"] for mail in mails] == [None, "SMTP 550", "SMTP 553", None]
    assert [mail["due"] is not None for mail in mails] == [False, False, True, False]
    times = [mail["created"] for mail in mails] + [mails[2]["due"]]
    assert all(re.fullmatch(r"[0-9]{4}-[0-9-]+T[0-9:]+\.[0-9]{6}Z", time) for time in times)
    assert all(mail.keys() == mails[0].keys() for mail in mails)


async def test_mails_are_listed_as_a_table_for_people(given: dict[str, str], queue: MailQueue) -> None:
    (failed,) = await listed("--status", "failed", **given)

    done = await leads("mails", "list", "--status", "failed", **given)

    head, line = (re.split(r"\s{2,}", row) for row in done.stdout.splitlines())
    assert head == ["ID", "STATUS", "ATTEMPTS", "CREATED", "DUE", "RECIPIENT", "ERROR"]
    assert line == [
        failed["id"], "failed", "1", f"{failed['created'][:19]}Z", "-", "failed@acme.example", "SMTP 550"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "recipients"),
    [("failed", ["failed"]), ("queued", ["waiting", "new"]), ("sent", ["sent"])],
)
async def test_mails_are_listed_by_status(
    given: dict[str, str], queue: MailQueue, status: str, recipients: list[str]
) -> None:
    mails = await listed("--status", status, **given)

    assert [mail["recipient"].partition("@")[0] for mail in mails] == recipients


async def test_an_empty_list_is_an_empty_array(given: dict[str, str]) -> None:
    assert await listed(**given) == []


@pytest.mark.parametrize("recipient", ["failed@acme.example", "waiting@acme.example"])
async def test_a_failed_or_waiting_mail_is_due_again_when_it_was_requeued(
    given: dict[str, str], queue: MailQueue, recipient: str
) -> None:
    (mail,) = (mail for mail in await listed(**given) if mail["recipient"] == recipient)

    done = await leads("mails", "requeue", mail["id"], **given)

    assert (done.returncode, done.stdout) == (0, "1 mail is queued again.\n")
    (again,) = (mail for mail in await listed(**given) if mail["recipient"] == recipient)
    assert (again["status"], again["attempts"], again["due"]) == ("queued", 0, None)
    due = [taken.recipient for _ in range(3) if (taken := await queue.take())]
    assert sorted(due) == sorted([recipient, "new@acme.example"])


async def test_all_failed_and_waiting_mails_are_requeued_together(
    given: dict[str, str], queue: MailQueue, database: Database
) -> None:
    done = await leads("mails", "requeue", "--all", **given)
    again = await leads("mails", "requeue", "--all", "--json", **given)

    assert (done.returncode, done.stdout) == (0, "2 mails are queued again.\n")
    assert (again.returncode, json.loads(again.stdout)) == (0, {"requeued": 0})
    assert [mail["status"] for mail in await listed(**given)] == ["sent", "queued", "queued", "queued"]
    assert await database["mails"].count_documents({"ended": {"$exists": True}}) == 1  # those with it are deleted


async def test_a_mail_that_was_sent_or_is_being_sent_or_is_unknown_is_not_requeued(
    given: dict[str, str], queue: MailQueue
) -> None:
    assert await queue.take()
    by_recipient = {mail["recipient"].partition("@")[0]: mail["id"] for mail in await listed(**given)}

    for mail_id in (by_recipient["sent"], by_recipient["new"], str(ObjectId()), "7"):
        done = await leads("mails", "requeue", mail_id, **given)

        assert (done.returncode, done.stdout) == (1, "")
        assert f"there is no failed or waiting mail {mail_id}." in done.stderr
    assert await queue.take() is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["requeue"], "ID"),
        (["requeue", "--all", "6b077599b411c2b0ab5a1ec0"], "--all"),
        (["list", "--status", "dead"], "--status"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_named(arguments: list[str], named: str) -> None:
    done = await leads("mails", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr


async def test_a_mail_that_failed_is_sent_by_the_running_service_after_it_was_requeued(
    tmp_path: Path, given: dict[str, str], database: Database
) -> None:
    mails = Outbox(database)
    async with SmtpServer() as smtp:
        smtp.trouble("RCPT", "550 5.1.1 No such user", times=1)
        sending = {"LEADS_SMTP_URL": smtp.url(), "LEADS_MAIL_FROM": MAIL_FROM, "LEADS_PORTAL_URL": PORTAL}
        async with running(tmp_path, given=given | sending) as service:
            await convert(service.api)
            await mails.until("dead")
            (failed,) = await listed("--status", "failed", **given)

            await leads("mails", "requeue", failed["id"], **given)

            await mails.until("sent")
        errors = [line for line in service.lines if line["level"] == "error"]

    assert len(smtp.mails) == 1
    assert [failed["id"] in line["message"] for line in errors] == [True]
