"""Without LEADS_SMTP_URL mails stay queued (contract, section 6)."""

import logging

import pytest

from tests.conftest import Serve
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import Outbox, convert, mailing


async def test_mails_stay_queued_and_one_warning_is_logged(
    serve: Serve, mails: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as api:
        await convert(api)
        await convert(api)

    assert await mails.statuses() == ["queued", "queued"]
    assert [mail["attempts"] for mail in await mails.all()] == [0, 0]
    about = [record for record in caplog.records if "LEADS_SMTP_URL" in record.getMessage()]
    assert [record.levelno for record in about] == [logging.WARNING]


async def test_a_later_start_with_a_server_sends_them(serve: Serve, smtp: SmtpServer, mails: Outbox) -> None:
    async with serve() as api:
        await convert(api, "one@acme.example")
        await convert(api, "two@acme.example")

    async with serve(**mailing(smtp.url())):
        await mails.until("sent", "sent")

    assert [mail.recipients for mail in smtp.mails] == [["one@acme.example"], ["two@acme.example"]]


async def test_with_a_server_no_such_warning_is_logged(
    serve: Serve, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(**mailing(smtp.url())):
        pass

    assert "LEADS_SMTP_URL" not in caplog.text
