"""The parts of mailing: a simulated SMTP server, the queue in a real database, and senders with short pauses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from leads_api.mail.sender import MailSender
from leads_api.mail.store import LEASE_SECONDS, MailQueue
from leads_api.mongo.client import Database
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.outbox import MAIL_FROM, PORTAL, Outbox

Sending = Callable[..., AbstractAsyncContextManager[MailSender]]
"""Runs a sender to a URL for the length of a block; keyword arguments are those of the queue and the sender."""


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    """A server that accepts every mail until a test says otherwise."""
    async with SmtpServer() as server:
        yield server


@pytest.fixture
def mails(database: Database) -> Outbox:
    """The queue, as it stands in the database."""
    return Outbox(database)


@pytest.fixture
def sending(database: Database) -> Sending:
    """Senders of the test's database, which look for work all the time and try again at once."""

    @asynccontextmanager
    async def sending(
        url: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
        first_pause_seconds: float = 0.001,
        poll_seconds: float = 0.02,
        **changes: str,
    ) -> AsyncIterator[MailSender]:
        queue = MailQueue(database, lease_seconds=lease_seconds, first_pause_seconds=first_pause_seconds)
        texts: dict[str, str] = {"mail_from": MAIL_FROM, "portal_url": PORTAL} | changes
        sender = MailSender(queue, smtp_url=url, poll_seconds=poll_seconds, **texts)
        task = asyncio.create_task(sender.run())
        try:
            yield sender
            assert not task.done(), "the task that sends has ended"
        finally:
            task.cancel()
            await asyncio.wait({task})

    return sending
