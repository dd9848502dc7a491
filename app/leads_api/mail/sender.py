"""The background task that sends queued mails through SMTP."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from leads_api.mail.addresses import address, sender
from leads_api.mail.store import Mail, MailQueue
from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError
from leads_api.tasks import end

POLL_SECONDS = 2.0
_DATABASE_SECONDS = 5.0
_QUIT_SECONDS = 2.0
_LAST_SECONDS = 5.0
"""How long a mail that is on its way when the service ends may take to arrive and to be noted."""

_UNAUTHENTICATED = {530, 534, 535, 538}
"""Replies that are about the settings of this service, not about a mail (RFC 4954, section 6)."""

_log = logging.getLogger("leads.mail")


class MailSender:
    """Sends what is due, one mail at a time; woken by `wake`, and by the clock for what other processes queued."""

    def __init__(
        self, queue: MailQueue, *, smtp_url: str, mail_from: str, portal_url: str, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Raises ValueError when the sender's address cannot be used."""
        url = urlsplit(smtp_url)
        # The rest of the lease is for noting what became of the mail, and for clocks that are not quite the same.
        self._delivery_seconds = queue.lease_seconds / 3
        self._queue = queue
        self._server = {
            "hostname": url.hostname,
            "port": url.port or (465 if url.scheme == "smtps" else 25),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            # A password goes nowhere in the clear, also if someone on the way hides that STARTTLS is offered.
            "start_tls": True if url.scheme == "smtp" and url.password and not _is_loopback(url.hostname) else None,
            "tls_context": ssl.create_default_context(),
            "timeout": self._delivery_seconds / 2,
        }
        self._sender = sender(mail_from)
        self._portal_url = portal_url
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that a mail was queued here."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. A mail whose sending is cut off is sent again when its lease ends."""
        while True:
            self._woken.clear()
            try:
                while await self._send_next():
                    pass
            except DatabaseError as error:
                _log.warning("the mail queue cannot be read: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - it is logged whole, and the task must live
                _log.exception("sending mails failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()

    async def _send_next(self) -> bool:
        """Send a mail. When the service ends, it has a moment left to arrive and to be noted, or it is sent again."""
        sending = asyncio.create_task(self._take_and_send())
        try:
            return await asyncio.shield(sending)
        finally:
            if not sending.done():
                await asyncio.wait({sending}, timeout=_LAST_SECONDS)
                await end(sending)

    async def _take_and_send(self) -> bool:
        until = asyncio.get_running_loop().time() + self._delivery_seconds  # counted from before the lease begins
        with deadline(_DATABASE_SECONDS):
            mail = await self._queue.take()
        if mail is None:
            return False
        error, for_good = await self._deliver(mail, until)
        if error is None:
            await self._noted(mail, lambda: self._queue.sent(mail))
        else:
            _log.warning("mail %s was not sent (attempt %s): %s", mail.id, mail.attempts, error)
            await self._noted(mail, lambda: self._queue.failed(mail, error, for_good=for_good))
        return True

    async def _noted(self, mail: Mail, note: Callable[[], Awaitable[None]]) -> None:
        """Note what became of a mail, however long it takes: until then nothing else could be taken or noted either."""
        while True:
            try:
                with deadline(_DATABASE_SECONDS):
                    await note()
            except DatabaseError as error:
                _log.warning("what became of mail %s cannot be noted yet: %s", mail.id, type(error).__name__)
                await asyncio.sleep(self._poll_seconds)
            else:
                return

    async def _deliver(self, mail: Mail, until: float) -> tuple[str | None, bool]:
        """Hand the mail over; return what went wrong, if anything, and whether it always will."""
        try:
            message = welcome(mail, self._sender, self._portal_url)
        except Exception as error:  # noqa: BLE001 - whatever an address does to the library: the others must go on
            return f"the message cannot be made: {type(error).__name__}", True
        client = aiosmtplib.SMTP(**self._server)  # type: ignore[arg-type]  # a dict has one type for all values
        try:
            try:
                async with asyncio.timeout_at(until):
                    await client.connect()
            except Exception as error:  # noqa: BLE001 - it is about the service, and every mail waits for its mending
                return _reason(error), False
            try:
                async with asyncio.timeout_at(until):
                    await client.send_message(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, this attempt has failed
                return _reason(error), _is_final(error)
            # The server has the mail: what follows is courtesy, and no reason to send the mail again.
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_SECONDS)
        finally:
            client.close()
        return None, False


def welcome(mail: Mail, sender: Address, portal_url: str) -> EmailMessage:
    """Return the welcome to a client's first user. Raises ValueError if no mail can carry the address."""
    message = EmailMessage()
    message["From"] = sender
    # Without the name: so nothing that a person is called can get into a header.
    message["To"] = address(mail.recipient)
    message["Subject"] = "Welcome"
    message["Date"] = formatdate(usegmt=True)
    # The same for every attempt: a mail that was taken but not noted as sent can be known for the same one.
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    name = " ".join(mail.name.split())
    message.set_content(f"Hello {name},\n\nwelcome! Your account is ready. You can reach it here:\n\n{portal_url}\n")
    return message


def _reason(error: Exception) -> str:
    """Return what is kept and logged of an error: never its text, in which a server may repeat what it was sent."""
    codes = ", ".join(map(str, _codes(error)))
    return f"{type(error).__name__} {codes}".strip()


def _is_final(error: Exception) -> bool:
    """Tell whether the refusal of a mail will never be another."""
    if codes := _codes(error):
        return all(code >= 500 and code not in _UNAUTHENTICATED for code in codes)  # noqa: PLR2004 - RFC 5321, 4.2.1
    if isinstance(error, aiosmtplib.SMTPNotSupported):  # an address beyond ASCII, on a server that takes none
        return True
    # An address or a header that cannot be written. A fault of TLS is a ValueError, too, and may pass.
    return isinstance(error, ValueError | MessageError) and not isinstance(error, OSError)


def _codes(error: Exception) -> list[int]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [recipient.code for recipient in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
