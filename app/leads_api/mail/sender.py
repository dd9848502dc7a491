"""The mail sender: a background task that sends queued mails through SMTP."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from typing import TypeVar

import aiosmtplib

from leads_api.mail import refusals
from leads_api.mail.addresses import address, sender
from leads_api.mail.smtp import smtp_server
from leads_api.mail.store import Mail, MailQueue, Verdict
from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError, described
from leads_api.tasks import end
from leads_api.telemetry import traces

T = TypeVar("T")

POLL_SECONDS = 2.0
_DATABASE_SECONDS = 5.0
_QUIT_SECONDS = 2.0
_RELEASE_SECONDS = 2.0
_LAST_SECONDS = 5.0
"""How long a delivery in progress may continue at shutdown, until its result is recorded."""

_log = logging.getLogger("leads.mail")


class MailSender:
    """Sends due mails, one at a time. It starts on `wake`, and polls for mails that other processes have queued."""

    def __init__(
        self, queue: MailQueue, *, smtp_url: str, mail_from: str, portal_url: str, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Raises ValueError if `smtp_url` or `mail_from` is not valid."""
        server = smtp_server(smtp_url)
        # The rest of the lease is for recording the result, and for differences between clocks.
        self._delivery_seconds = queue.lease_seconds / 3
        self._queue = queue
        self._server = {
            "hostname": server.host,
            "port": server.port,
            "username": server.user,
            "password": server.password,
            "use_tls": server.tls,
            "start_tls": server.start_tls,
            "tls_context": ssl.create_default_context(),
            "timeout": self._delivery_seconds / 2,
        }
        self._sender = sender(mail_from)
        self._portal_url = portal_url
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Start a delivery: this process has queued a mail."""
        self._woken.set()

    async def why_unreachable(self) -> str | None:
        """Connect to the mail server and log in; return the reason if that fails, else None."""
        client = aiosmtplib.SMTP(**self._server)  # type: ignore[arg-type]  # a dict has one type for all values
        try:
            await client.connect()
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            return refusals.reason(error)
        finally:
            client.close()
        return None

    async def run(self) -> None:
        """Send mails until cancelled. If a delivery is interrupted then, another process sends the mail again."""
        while True:
            self._woken.clear()
            try:
                while await self._send_next():
                    pass
            except DatabaseError as error:
                _log.warning("the mail queue cannot be read: %s", described(error))
            except Exception:  # noqa: BLE001 - it is logged with its traceback, and the task must not end
                _log.exception("sending mails failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()

    async def _send_next(self) -> bool:
        """Send one mail; return whether to go on with the next. At shutdown, a delivery has _LAST_SECONDS to finish."""
        sending = asyncio.create_task(self._take_and_send())
        try:
            return await asyncio.shield(sending)
        finally:
            if not sending.done():
                await asyncio.wait({sending}, timeout=_LAST_SECONDS)
                await end(sending)

    async def _take_and_send(self) -> bool:
        until = asyncio.get_running_loop().time() + self._delivery_seconds  # measured from before the lease
        with deadline(_DATABASE_SECONDS):
            mail = await self._queue.take()
        if mail is None:
            return False
        traces.current.set(traces.of_traceparent(mail.traceparent or ""))  # for the log lines of this task
        try:
            failure = await self._deliver(mail, until)
        except asyncio.CancelledError:  # the process ends, and the mail server has not answered
            with suppress(DatabaseError), deadline(_RELEASE_SECONDS):
                await self._queue.release(mail)
            raise
        if failure is None:
            await self._record(mail, lambda: self._queue.sent(mail))
            _log.info("mail %s was sent (attempt %s)", mail.id, mail.attempts)
            return True
        error, verdict = failure
        if await self._record(mail, lambda: self._queue.failed(mail, error, verdict)):
            _log.error("mail %s has failed for good (attempt %s): %s", mail.id, mail.attempts, error)
        else:
            _log.warning("mail %s was not sent and will be retried (attempt %s): %s", mail.id, mail.attempts, error)
        # The next mail would most likely fail in the same way, so it waits for the next poll.
        return verdict is not Verdict.NOT_ABOUT_MAIL

    async def _record(self, mail: Mail, write: Callable[[], Awaitable[T]]) -> T:
        """Record the result of a delivery with `write`, and return what it returns; retry until it succeeds.

        While the database fails, no other mail could be taken either.
        """
        while True:
            try:
                with deadline(_DATABASE_SECONDS):
                    return await write()
            except DatabaseError as error:
                _log.warning("the result of mail %s cannot be recorded yet: %s", mail.id, described(error))
                await asyncio.sleep(self._poll_seconds)

    async def _deliver(self, mail: Mail, until: float) -> tuple[str, Verdict] | None:
        """Deliver a mail; if that fails, return the reason and what it says about the mail."""
        try:
            message = welcome(mail, self._sender, self._portal_url)
        except UnusableAddress:
            return "no mail can be addressed to the recipient", Verdict.REFUSED_FOR_GOOD
        except Exception as error:  # noqa: BLE001 - it concerns the settings, not this mail: retry
            return f"the message cannot be created: {type(error).__name__}", Verdict.NOT_ABOUT_MAIL
        client = aiosmtplib.SMTP(**self._server)  # type: ignore[arg-type]  # a dict has one type for all values
        try:
            try:
                async with asyncio.timeout_at(until):
                    await client.connect()
            except Exception as error:  # noqa: BLE001 - it concerns the server, not this mail: retry
                return refusals.reason(error), Verdict.NOT_ABOUT_MAIL
            try:
                async with asyncio.timeout_at(until):
                    await client.send_message(message)
            except Exception as error:  # noqa: BLE001 - with any error, this attempt has failed
                return refusals.reason(error), refusals.verdict(error)
            # The server has accepted the mail. Neither an error of QUIT nor the end of the process must cause a retry.
            with suppress(aiosmtplib.SMTPException, OSError, asyncio.CancelledError):
                await client.quit(timeout=_QUIT_SECONDS)
        finally:
            client.close()
        return None


class UnusableAddress(ValueError):  # noqa: N818 - named as the failures are
    """The recipient's address cannot be written in a header. Earlier versions accepted such addresses."""


def welcome(mail: Mail, sender: Address, portal_url: str) -> EmailMessage:
    """Return the welcome mail for a client's first user. Raises UnusableAddress."""
    message = EmailMessage()
    message["From"] = sender
    try:
        # Without the name, which is user input and must not get into a header.
        message["To"] = address(mail.recipient)
    except (ValueError, MessageError) as error:
        raise UnusableAddress from error
    message["Subject"] = "Welcome"
    message["Date"] = formatdate(usegmt=True)
    # The same for every attempt, so that a recipient can recognize a mail that was delivered but not recorded as sent.
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    if mail.traceparent:
        message[traces.HEADER] = mail.traceparent
    name = " ".join(mail.name.split())
    message.set_content(f"Hello {name},\n\nwelcome! Your account is ready. You can reach it here:\n\n{portal_url}\n")
    return message
