"""The trace of the request that queued a mail goes on to the mail server, and into the sender's log lines."""

import json
import logging
from collections.abc import Iterator

import pytest

from leads_api.telemetry.logs import formatter
from tests.client import Api
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def written(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Keep the sender's log as it is written."""
    with caplog.at_level(logging.INFO, "leads.mail"):
        caplog.handler.setFormatter(formatter())
        yield


async def convert(api: Api, email: str, **headers: str) -> None:
    lead = await api.lead()
    body = {"first_name": "Jane", "last_name": "Doe", "email": email, "send_welcome_email": "yes"}
    answer = await api.post(f"/api/leads/{lead['id']}/convert", body, headers=headers)
    assert answer.status_code == 201


def traces_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str | None]]:
    found = [json.loads(line) for line in caplog.text.splitlines()]
    return [(line["level"], line.get("trace_id")) for line in found if line["logger"] == "leads.mail"]


async def test_a_mail_has_the_trace_of_its_request_until_it_is_sent(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    await convert(api, "first@acme.example", traceparent=f"cc-{TRACE}-{PARENT}-fd-more")
    await convert(api, "second@acme.example")
    smtp.trouble("RCPT", "451 Later", times=1, to="first@acme.example")

    async with sending(smtp.url()):
        await mails.until("sent", "sent")

    sent = {mail.recipients[0]: mail.message["traceparent"] for mail in smtp.mails}
    version, trace, parent, flags = sent["first@acme.example"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent != PARENT
    assert sent["second@acme.example"] is None
    assert sorted(traces_of(caplog), key=str) == [("info", TRACE), ("info", None), ("warning", TRACE)]


async def test_a_mail_that_was_queued_by_an_earlier_version_has_none(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    await convert(api, "first@acme.example")
    await mails.collection.update_one({}, {"$unset": {"traceparent": ""}})

    async with sending(smtp.url()):
        await mails.until("sent")

    assert smtp.mails[0].message["traceparent"] is None
    assert traces_of(caplog) == [("info", None)]
