"""A process that does nothing but send mails, under a lease that a test has the time for: one to be killed."""

import asyncio
import sys

from leads_api.mail.sender import MailSender
from leads_api.mail.store import MailQueue
from leads_api.mongo.client import connect
from tests.wire.mail.outbox import mailing


async def main(uri: str, database: str, smtp_url: str, lease_seconds: str) -> None:
    """Send what is queued in a database, until the end."""
    queue = MailQueue(connect(uri, request_timeout=5.0)[database], lease_seconds=float(lease_seconds))
    await MailSender(queue, **mailing(smtp_url), poll_seconds=0.02).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
