"""Two services on one database share the sending: each mail exactly once (contract, "Convert")."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import MAIL_FROM, PORTAL, Outbox, convert
from tests.wire.process import running

CONVERSIONS = 40


async def test_of_forty_conversions_through_two_services_each_mail_is_sent_once(
    server_uri: str, smtp: SmtpServer, mails: Outbox, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "LEADS_MONGODB_URI": server_uri,
        "LEADS_MONGODB_DATABASE": mails.database.name,
        "LEADS_SMTP_URL": smtp.url(),
        "LEADS_MAIL_FROM": MAIL_FROM,
        "LEADS_PORTAL_URL": PORTAL,
    }
    emails = [f"owner-{number}@acme.example" for number in range(CONVERSIONS)]

    async with running(tmp_path, **settings) as one, running(tmp_path, **settings) as other:
        await asyncio.gather(*(convert((one, other)[number % 2].api, email) for number, email in enumerate(emails)))
        sent = await mails.until(*["sent"] * CONVERSIONS)

    assert Counter(mail.recipients[0] for mail in smtp.mails) == dict.fromkeys(emails, 1)
    assert len({mail.message["Message-ID"] for mail in smtp.mails}) == CONVERSIONS
    assert {mail["attempts"] for mail in sent} == {1}
