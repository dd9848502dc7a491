"""The lease under which a mail is sent: one process at a time, and none for ever (contract, "Convert")."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from leads_api.mail.store import Mail, MailQueue, Verdict
from leads_api.mongo.client import Database
from tests.client import Api
from tests.conftest import Serve
from tests.simulators.smtp import HANG, SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert, mailing
from tests.wire.process import environment, until


@contextmanager
def sending_process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that sends, for the length of the block at most."""
    process = subprocess.Popen([sys.executable, "-m", "tests.wire.mail.sender", *arguments], env=environment({}))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def taken(queue: MailQueue) -> Mail:
    """Wait until there is a mail to be taken."""
    found: list[Mail] = []

    async def so() -> bool:
        if mail := await queue.take():
            found.append(mail)
        return bool(found)

    await until(so, "a mail is due")
    return found[0]


async def test_a_leased_mail_is_not_given_to_another_before_the_lease_ends(
    api: Api, database: Database, mails: Outbox
) -> None:
    await convert(api)
    first = await taken(MailQueue(database, lease_seconds=1))
    (leased,) = await mails.all()

    second = await taken(MailQueue(database))

    assert datetime.now(UTC) >= leased["due"]
    assert second.id == first.id
    assert (first.attempts, second.attempts) == (1, 2)


async def test_whose_lease_has_passed_on_notes_nothing_any_more(api: Api, database: Database, mails: Outbox) -> None:
    await convert(api)
    slow, quick = MailQueue(database, lease_seconds=0.01), MailQueue(database)
    late = await taken(slow)
    present = await taken(quick)

    await slow.sent(late)
    await slow.failed(late, "554", Verdict.REFUSED_FOR_GOOD)
    after_the_late_one = await mails.all()
    await quick.sent(present)

    assert [(mail["status"], mail["error"]) for mail in after_the_late_one] == [("queued", None)]
    assert await mails.statuses() == ["sent"]


async def test_of_twenty_takers_at_once_no_two_get_the_same_mail(api: Api, database: Database) -> None:
    for _ in range(10):
        await convert(api)
    queues = [MailQueue(database), MailQueue(database)]

    takes = await asyncio.gather(*(queues[number % 2].take() for number in range(20)))

    given = [mail.id for mail in takes if mail is not None]
    assert len(given) == len(set(given)) == 10


async def test_a_process_killed_before_it_could_note_the_mail_leaves_it_to_another_after_the_lease(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, server_uri: str
) -> None:
    await convert(api)
    smtp.trouble("ACCEPTED", HANG, times=1)

    with sending_process(server_uri, mails.database.name, smtp.url(), "5") as process:
        await smtp.reached("ACCEPTED")
        process.kill()
    (leased,) = await mails.all()
    async with sending(smtp.url()):
        await mails.until("sent")
        sent_at = datetime.now(UTC)

    first, second = smtp.mails
    assert leased["status"] == "queued"
    assert sent_at >= leased["due"]
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.recipients == second.recipients


async def test_while_one_process_is_sending_another_sends_the_rest_only(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    await convert(api, "first@acme.example")
    smtp.trouble("ACCEPTED", HANG, to="first@acme.example")

    async with sending(smtp.url()):
        await smtp.reached("ACCEPTED")
        await convert(api, "second@acme.example")
        async with sending(smtp.url()):
            await mails.until("queued", "sent")
            smtp.heal()
            await mails.until("sent", "sent")

    assert [mail.recipients for mail in smtp.mails] == [["first@acme.example"], ["second@acme.example"]]


async def test_a_service_that_ends_lets_the_mail_on_its_way_arrive(
    serve: Serve, smtp: SmtpServer, mails: Outbox
) -> None:
    smtp.trouble("ACCEPTED", HANG)

    async with serve(**mailing(smtp.url())) as api:
        await convert(api)
        await smtp.reached("ACCEPTED")
        asyncio.get_running_loop().call_later(0.2, smtp.heal)  # after the service began to end

    assert await mails.statuses() == ["sent"]
    assert len(smtp.mails) == 1


async def test_a_service_that_ends_lets_go_of_a_mail_that_the_server_does_not_take(
    serve: Serve, smtp: SmtpServer, mails: Outbox, sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.mail.sender._LAST_SECONDS", 0.1)
    smtp.trouble("RCPT", HANG)

    async with serve(**mailing(smtp.url())) as api:
        await convert(api)
        await smtp.reached("RCPT")

    (released,) = await mails.all()
    assert (released["status"], released["lease"], released["due"]) == ("queued", None, None)
    smtp.heal()
    async with sending(smtp.url()):
        await mails.until("sent")
