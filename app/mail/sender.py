"""The background task that sends queued mails through SMTP."""

import asyncio
import logging
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.mail.queue import Mail, MailQueue
from app.mongo.client import deadline
from app.mongo.faults import DatabaseError

POLL_SECONDS = 2.0
SMTP_SECONDS = 20.0
"""How long a mail's delivery may take; well within its lease."""
_DATABASE_SECONDS = 5.0

_log = logging.getLogger("leads.mail")


class MailSender:
    """Sends what is due, one mail at a time; woken by `wake`, and by the clock for what other processes queued."""

    def __init__(self, queue: MailQueue, *, smtp_url: str, mail_from: str, portal_url: str) -> None:
        url = urlsplit(smtp_url)
        self._queue = queue
        self._server = {
            "hostname": url.hostname,
            "port": url.port or (465 if url.scheme == "smtps" else 25),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            "tls_context": ssl.create_default_context(),
            "timeout": SMTP_SECONDS / 2,
        }
        self._sender = mail_from
        self._portal_url = portal_url
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that a mail was queued here."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. A mail whose sending is cut off is sent again when its lease ends."""
        while True:
            self._woken.clear()
            try:
                while await self._send_one():
                    pass
            except DatabaseError as error:
                _log.warning("the mail queue cannot be read: %s", type(error).__name__)
            except Exception:
                _log.exception("sending mails failed")
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _send_one(self) -> bool:
        with deadline(_DATABASE_SECONDS):
            mail = await self._queue.take()
        if mail is None:
            return False
        error, for_good = await self._deliver(mail)
        with deadline(_DATABASE_SECONDS):
            if error is None:
                await self._queue.sent(mail)
            else:
                _log.warning("mail %s was not sent (attempt %s): %s", mail.id, mail.attempts, error)
                await self._queue.failed(mail, error, for_good=for_good)
        return True

    async def _deliver(self, mail: Mail) -> tuple[str | None, bool]:
        """Hand the mail over; return what went wrong, if anything, and whether it always will."""
        try:
            async with asyncio.timeout(SMTP_SECONDS):
                await aiosmtplib.send(self._message(mail), **self._server)  # type: ignore[arg-type]
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [recipient.code for recipient in refused.recipients]
            return f"the recipient was refused ({codes})", all(code >= 500 for code in codes)  # noqa: PLR2004
        except aiosmtplib.SMTPResponseException as error:
            # Wrong credentials are the operator's to mend, and the mail waits for it.
            for_good = error.code >= 500 and not isinstance(error, aiosmtplib.SMTPAuthenticationError)  # noqa: PLR2004
            return f"{type(error).__name__} {error.code}", for_good
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return type(error).__name__, False
        except ValueError as error:  # an address that no mail can carry
            return f"the message cannot be made: {type(error).__name__}", True
        return None, False

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        name, address = parseaddr(self._sender)
        user, _, domain = mail.recipient.partition("@")
        message["From"] = Address(name, addr_spec=address)
        message["To"] = Address(mail.name, user, _ascii_domain(domain))
        message["Subject"] = "Welcome"
        message["Date"] = formatdate(usegmt=True)
        # The same for every attempt: a mail that was taken but not noted as sent can be known for the same one.
        message["Message-ID"] = f"<{mail.id}@{address.partition('@')[2]}>"
        message.set_content(
            f"Hello {mail.name},\n\nwelcome! Your account is ready. You can reach it here:\n\n{self._portal_url}\n"
        )
        return message


def _ascii_domain(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode()
