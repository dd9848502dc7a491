"""Clocks that are wrong: they delay no mail, and break no lease (contract, "Convert")."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from leads_api.mail.store import MailQueue, Verdict
from leads_api.mongo.client import Database
from tests.client import Api
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert

JUMPS = [timedelta(days=2), timedelta(days=-2)]


def jumped(jump: timedelta) -> time_machine.travel:
    """Let the clock of this process be wrong for the length of a block; that of the database is right."""
    return time_machine.travel(datetime.now(UTC) + jump, tick=True)


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_mail_that_was_queued_by_a_wrong_clock_is_sent_at_once(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, jump: timedelta
) -> None:
    with jumped(jump):
        await convert(api)

    async with sending(smtp.url()):
        await mails.until("sent")

    assert len(smtp.mails) == 1


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_mail_that_failed_under_a_wrong_clock_is_tried_again_in_time(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, jump: timedelta
) -> None:
    await convert(api)
    smtp.trouble("RCPT", "450 4.2.0 Greylisted", times=1)
    with jumped(jump):
        async with sending(smtp.url(), first_pause_seconds=2, poll_seconds=600):
            failed = await mails.until_tried(1)
    assert abs(failed["due"] - datetime.now(UTC)) < timedelta(minutes=10)

    async with sending(smtp.url()):
        await mails.until("sent")


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_process_with_a_wrong_clock_takes_no_mail_that_another_has_leased(
    api: Api, database: Database, mails: Outbox, jump: timedelta
) -> None:
    await convert(api)
    mail = await MailQueue(database, lease_seconds=600).take()
    assert mail is not None

    with jumped(jump):
        assert await MailQueue(database).take() is None
    await MailQueue(database).sent(mail)

    assert await mails.statuses() == ["sent"]


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_lease_that_was_taken_by_a_wrong_clock_ends_in_time(
    api: Api, database: Database, mails: Outbox, jump: timedelta
) -> None:
    await convert(api)
    with jumped(jump):
        mail = await MailQueue(database, lease_seconds=600).take()
        assert mail is not None

    (leased,) = await mails.all()
    assert await MailQueue(database).take() is None
    assert abs(leased["due"] - datetime.now(UTC)) < timedelta(seconds=1200)


async def test_a_mail_that_ended_under_a_wrong_clock_is_kept_as_long_as_others(
    api: Api, database: Database, mails: Outbox
) -> None:
    await convert(api)
    queue = MailQueue(database)
    mail = await queue.take()
    assert mail is not None

    with jumped(timedelta(days=-365)):
        await queue.failed(mail, "550", Verdict.REFUSED_FOR_GOOD)

    (dead,) = await mails.all()
    assert abs(dead["ended"] - datetime.now(UTC)) < timedelta(minutes=10)


@pytest.mark.parametrize("lease", [None, "a lease"])
async def test_a_due_time_further_ahead_than_any_pause_counts_as_past(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, lease: str | None
) -> None:
    await convert(api)
    far = datetime.now(UTC) + timedelta(days=1)
    await mails.collection.update_one({}, {"$set": {"due": far, "lease": lease}})

    async with sending(smtp.url()):
        await mails.until("sent")
