"""Attempts: their pauses, their traces, and each mail once (contract, "Convert")."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from leads_api.mail.store import FIRST_PAUSE_SECONDS, MailQueue, Verdict
from leads_api.mongo.client import Database
from tests.client import Api
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert


async def test_each_mail_has_a_message_id_of_its_own(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    for _ in range(3):
        await convert(api)

    async with sending(smtp.url()):
        await mails.until("sent", "sent", "sent")

    assert len({mail.message["Message-ID"] for mail in smtp.mails}) == 3


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, FIRST_PAUSE_SECONDS), (2, 2 * FIRST_PAUSE_SECONDS), (4, 8 * FIRST_PAUSE_SECONDS), (11, 3600), (5000, 3600)],
)
async def test_pauses_double_up_to_an_hour(
    api: Api, database: Database, mails: Outbox, attempts: int, seconds: float
) -> None:
    await convert(api)
    queue = MailQueue(database)
    await mails.collection.update_one({}, {"$set": {"attempts": attempts - 1}})
    mail = await queue.take()
    assert mail is not None
    before = datetime.now(UTC)

    assert not await queue.failed(mail, "451", Verdict.REFUSED)

    (failed,) = await mails.all()
    pause = failed["due"] - before
    assert timedelta(seconds=seconds * 0.74) < pause < timedelta(seconds=seconds * 1.26 + 5)
    assert await queue.take() is None


async def test_neither_the_reason_nor_the_log_holds_a_secret_or_a_person(
    api: Api, sending: Sending, mails: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "leads")
    await convert(api, "jane@acme.example")
    async with SmtpServer(login=("crm", "another")) as smtp:
        smtp.trouble("RCPT", "450 4.2.0 jane@acme.example, crm and smtp-7f3a are unwelcome")

        async with sending(smtp.url("crm:smtp-7f3a")):
            wrong = await mails.until_tried(1)
        async with sending(smtp.url("crm:another")):
            refused = await mails.until_tried(wrong["attempts"] + 1)

    kept = f"{wrong['error']} {refused['error']} " + " ".join(
        record.getMessage() for record in caplog.records if record.name.startswith("leads")
    )
    assert "450" in kept
    for secret in ("smtp-7f3a", "another", "jane@acme.example"):
        assert secret not in kept


async def test_wrong_credentials_wait_for_the_operator(api: Api, sending: Sending, mails: Outbox) -> None:
    await convert(api)
    async with SmtpServer(login=("crm", "right")) as smtp:
        async with sending(smtp.url("crm:wrong")):
            waiting = await mails.until_tried(2)
        async with sending(smtp.url()):
            await mails.until_tried(waiting["attempts"] + 1)
        async with sending(smtp.url("crm:right")):
            await mails.until("sent")

    assert "535" in waiting["error"]
    assert [mail.authenticated for mail in smtp.mails] == [True]


async def test_mails_queued_at_the_same_time_go_once_each_through_one_sender(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    async with sending(smtp.url(), poll_seconds=600) as sender:
        for number in range(10):
            await convert(api, f"owner-{number}@acme.example")
            sender.wake()
        await mails.until(*["sent"] * 10)

    assert sorted(mail.recipients[0] for mail in smtp.mails) == [f"owner-{number}@acme.example" for number in range(10)]
