"""What the SMTP server does not take: tried again, or dead with the reason kept (contract, "Convert")."""

import logging
from datetime import UTC, datetime

import pytest

from leads_api.mail import store as queue
from tests.client import Api
from tests.conftest import Serve
from tests.simulators.smtp import DROP, HANG, SmtpServer, Stage
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert, mailing
from tests.wire.process import free_port

NOT_ABOUT_THE_MAIL: list[tuple[Stage, str]] = [
    ("EHLO", "421 4.3.2 Closing"),
    ("EHLO", "554 5.3.2 No service for you"),
    ("EHLO", DROP),
    ("MAIL", "451 4.3.0 Later"),
    ("MAIL", "421 4.3.2 Closing"),
    ("MAIL", "530 5.7.0 Authentication required"),
    ("MAIL", "550 5.7.1 Sender unwanted"),
    ("MAIL", "553 5.1.8 Sender's domain does not exist"),
    ("MAIL", "552 Too large"),
    ("MAIL", DROP),
    ("RCPT", "421 4.3.2 Closing"),
    ("RCPT", "530 5.7.1 Must issue a STARTTLS command first"),
    ("RCPT", "450 4.1.8 Sender address rejected: Domain not found"),
    ("RCPT", "553 5.1.8 Sender address rejected: Domain not found"),
    ("RCPT", "550 5.1.7 Sender address rejected: undeliverable address"),
    ("RCPT", DROP),
    ("DATA", "421 4.3.2 Closing"),
    ("DATA", DROP),
]
"""They concern all mails, so none dies of them."""
TEMPORARY: list[tuple[Stage, str]] = [
    ("RCPT", "450 4.2.0 Greylisted"),
    ("RCPT", "454 4.7.1 Relay access denied"),
    ("RCPT", "554 5.7.1 Relay access denied"),
    ("RCPT", "553 5.7.1 Sender address rejected: not owned by user"),
    ("RCPT", "503 5.5.1 Error: send AUTH first"),
    ("RCPT", "555 Parameters not recognized"),
    ("DATA", "451 4.3.0 Later"),
    ("DATA", "452 4.3.1 Disk full"),
    ("DATA", "550 5.7.26 The sender's domain has no DKIM signature"),
    ("DATA", "552 5.3.4 Message too big for system"),
]
PERMANENT: list[tuple[Stage, str]] = [
    ("RCPT", "550 5.1.1 No such user"),
    ("RCPT", "550 No such user"),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied"),
    ("RCPT", "552 5.2.2 Mailbox full"),
    ("RCPT", "553 5.1.3 Bad address"),
    ("RCPT", "556 5.1.10 No mail for this domain"),
    ("DATA", "554 5.6.0 Content unwanted"),
    ("DATA", "554 Transaction failed"),
]


@pytest.mark.parametrize("trouble", NOT_ABOUT_THE_MAIL + TEMPORARY)
async def test_a_mail_that_fails_first_is_sent_once_the_server_accepts_it(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, trouble: tuple[Stage, str]
) -> None:
    await convert(api, "jane@acme.example")
    smtp.trouble(*trouble)

    async with sending(smtp.url()):
        failed = await mails.until_tried(2)
        smtp.heal()
        (sent,) = await mails.until("sent")

    assert (failed["status"], sent["error"]) == ("queued", None)
    assert failed["error"]
    assert bool(failed["refusals"]) is (trouble in TEMPORARY)
    assert [mail.recipients for mail in smtp.mails] == [["jane@acme.example"]]


@pytest.mark.parametrize("trouble", PERMANENT)
async def test_a_mail_that_is_refused_for_good_is_dead_with_the_reason(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, trouble: tuple[Stage, str]
) -> None:
    await convert(api)
    smtp.trouble(*trouble)

    async with sending(smtp.url()):
        (dead,) = await mails.until("dead")

    stage, reply = trouble
    assert reply[:3] in dead["error"]
    assert (dead["attempts"], smtp.stages.count(stage), smtp.mails) == (1, 1, [])


@pytest.mark.parametrize(
    "trouble",
    [
        ("EHLO", "554 5.3.2 No service for you"),
        ("MAIL", "553 5.1.8 Wrong sender"),
        ("RCPT", "553 5.1.8 Wrong sender"),
        ("DATA", DROP),
    ],
)
async def test_no_mail_dies_of_what_concerns_all_mails(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, trouble: tuple[Stage, str]
) -> None:
    for number in range(3):
        await convert(api, f"owner-{number}@acme.example")
    await mails.collection.update_many({}, {"$set": {"refusals": queue.MAX_REFUSALS - 1}})
    smtp.trouble(*trouble)

    async with sending(smtp.url()):
        await smtp.reached(trouble[0], 9)
        waiting = await mails.statuses()
        smtp.heal()
        await mails.until("sent", "sent", "sent")

    assert waiting == ["queued"] * 3


async def test_the_refusals_that_a_mail_may_have_are_not_used_up_by_what_concerns_all_mails(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_REFUSALS", 2)
    await convert(api)
    smtp.trouble("MAIL", "553 5.1.8 Wrong sender", times=4)
    smtp.trouble("RCPT", "450 4.2.0 Greylisted", times=1)

    async with sending(smtp.url()):
        (sent,) = await mails.until("sent")

    assert (sent["attempts"], sent["refusals"]) == (6, 1)


async def test_after_the_last_refusal_a_mail_is_dead_and_not_tried_again(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_REFUSALS", 5)
    await convert(api)
    smtp.trouble("RCPT", "450 4.2.0 Greylisted")

    async with sending(smtp.url()):
        (dead,) = await mails.until("dead")
        smtp.heal()
        await convert(api, "next@acme.example")
        await mails.until("dead", "sent")

    assert "450" in dead["error"]
    assert dead["attempts"] == smtp.stages.count("RCPT") - 1 == 5
    assert [mail.recipients for mail in smtp.mails] == [["next@acme.example"]]


async def test_a_death_is_an_error_in_the_log_that_names_the_mail_and_not_the_recipient(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    await convert(api, "jane@acme.example")
    await convert(api, "sam@acme.example")
    smtp.trouble("RCPT", "550 5.1.1 <jane@acme.example> unknown", to="jane@acme.example")
    smtp.trouble("RCPT", "450 4.2.0 <sam@acme.example> greylisted", to="sam@acme.example", times=1)

    async with sending(smtp.url()):
        dead, _ = await mails.until("dead", "sent")

    (line,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert line.getMessage() == f"mail {dead['_id']} has failed for good (attempt 1): SMTPRecipientsRefused 550 5.1.1"
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("leads")]
    assert "@acme.example" not in "".join(ours)


async def test_while_the_server_is_at_fault_not_every_mail_is_tried_at_once(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    for number in range(3):
        await convert(api, f"owner-{number}@acme.example")
    smtp.trouble("MAIL", "553 5.1.8 Wrong sender")

    async with sending(smtp.url(), poll_seconds=600, first_pause_seconds=600):
        await mails.until_one_was_tried()
        await convert(api)  # takes longer than another attempt

    assert smtp.stages.count("MAIL") == 1


async def test_a_server_that_is_not_there_is_waited_for(api: Api, sending: Sending, mails: Outbox) -> None:
    await convert(api)
    smtp = SmtpServer()
    smtp.port = free_port()

    async with sending(smtp.url()):
        await mails.until_tried(2)
        async with smtp:
            await mails.until("sent")

    assert len(smtp.mails) == 1


async def test_the_service_itself_tries_again(serve: Serve, smtp: SmtpServer, mails: Outbox) -> None:
    smtp.trouble("DATA", "451 4.3.0 Later", times=1)

    async with serve(**mailing(smtp.url())) as api:
        await convert(api)
        failed = await mails.until_tried(1)
        (mail,) = await smtp.received()
        await mails.until("sent")

    assert "451" in failed["error"]
    assert "Hello Jane Doe" in mail.message.get_content()


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "DATA"])
async def test_a_server_that_hangs_is_given_up_on_within_the_lease(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, stage: Stage
) -> None:
    await convert(api)
    smtp.trouble(stage, HANG)

    async with sending(smtp.url(), lease_seconds=9, first_pause_seconds=30):
        await smtp.reached(stage)
        (leased,) = await mails.all()
        failed = await mails.until_tried(1)
        noted_at = datetime.now(UTC)

    assert noted_at < leased["due"]
    assert failed["status"] == "queued"
    assert "Timeout" in failed["error"]


@pytest.mark.parametrize(
    "trouble",
    [("RCPT", "550 5.1.1 No such user"), ("RCPT", "450 4.2.0 Greylisted"), ("DATA", HANG), ("DATA", DROP)],
)
async def test_a_bad_mail_does_not_hold_up_the_others(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, trouble: tuple[Stage, str]
) -> None:
    await convert(api, "bad@acme.example")
    for number in range(5):
        await convert(api, f"good-{number}@acme.example")
    smtp.trouble(*trouble, to="bad@acme.example")

    async with sending(smtp.url(), lease_seconds=12, first_pause_seconds=30):
        await smtp.received(5)

    assert [mail.recipients[0] for mail in smtp.mails] == [f"good-{number}@acme.example" for number in range(5)]
    assert (await mails.all())[0]["error"]


async def test_a_mail_whose_acceptance_got_lost_is_sent_again_with_the_same_message_id(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    await convert(api)
    smtp.trouble("ACCEPTED", DROP, times=1)

    async with sending(smtp.url()):
        await mails.until("sent")

    first, second = smtp.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


@pytest.mark.parametrize("what", [HANG, DROP, "421 4.3.2 Closing"])
async def test_a_farewell_that_fails_is_no_reason_to_send_again(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, what: str
) -> None:
    await convert(api)
    smtp.trouble("QUIT", what)

    async with sending(smtp.url(), lease_seconds=12):
        (sent,) = await mails.until("sent")

    assert sent["attempts"] == 1
    assert len(smtp.mails) == 1
