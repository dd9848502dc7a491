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
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from leads_api.mail.addresses import address, sender
from leads_api.mail.store import Mail, MailQueue
from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError, described
from leads_api.tasks import end

POLL_SECONDS = 2.0
_DATABASE_SECONDS = 5.0
_QUIT_SECONDS = 2.0
_LAST_SECONDS = 5.0
"""How long a delivery in progress may continue at shutdown, until its result is recorded."""

_UNAUTHENTICATED = {530, 534, 535, 538}
"""Replies that concern this service's settings and not the mail (RFC 4954, section 6)."""

_log = logging.getLogger("leads.mail")


class MailSender:
    """Sends due mails, one at a time. It starts on `wake`, and polls for mails that other processes have queued."""

    def __init__(
        self, queue: MailQueue, *, smtp_url: str, mail_from: str, portal_url: str, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Raises ValueError if `mail_from` is not valid."""
        url = urlsplit(smtp_url)
        # The rest of the lease is for recording the result, and for differences between clocks.
        self._delivery_seconds = queue.lease_seconds / 3
        self._queue = queue
        self._server = {
            "hostname": url.hostname,
            "port": url.port or (465 if url.scheme == "smtps" else 25),
            "username": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "use_tls": url.scheme == "smtps",
            # A password is never sent unencrypted, even if an attacker removes the server's offer of STARTTLS.
            "start_tls": True if url.scheme == "smtp" and url.password and not _is_loopback(url.hostname) else None,
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

    async def run(self) -> None:
        """Send mails until cancelled. If a delivery is interrupted, the mail is sent again when its lease ends."""
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
        """Send one mail; return whether one was due. At shutdown, a delivery has _LAST_SECONDS to finish."""
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
        error, for_good = await self._deliver(mail, until)
        if error is None:
            await self._record(mail, lambda: self._queue.sent(mail))
        else:
            _log.warning("mail %s was not sent (attempt %s): %s", mail.id, mail.attempts, error)
            await self._record(mail, lambda: self._queue.failed(mail, error, for_good=for_good))
        return True

    async def _record(self, mail: Mail, write: Callable[[], Awaitable[None]]) -> None:
        """Record the result of a delivery; retry until it succeeds.

        While the database fails, no other mail could be taken either.
        """
        while True:
            try:
                with deadline(_DATABASE_SECONDS):
                    await write()
            except DatabaseError as error:
                _log.warning("the result of mail %s cannot be recorded yet: %s", mail.id, described(error))
                await asyncio.sleep(self._poll_seconds)
            else:
                return

    async def _deliver(self, mail: Mail, until: float) -> tuple[str | None, bool]:
        """Deliver a mail; return the error, if any, and whether it is permanent."""
        try:
            message = welcome(mail, self._sender, self._portal_url)
        except Exception as error:  # noqa: BLE001 - one malformed address must not stop the other mails
            return f"the message cannot be created: {type(error).__name__}", True
        client = aiosmtplib.SMTP(**self._server)  # type: ignore[arg-type]  # a dict has one type for all values
        try:
            try:
                async with asyncio.timeout_at(until):
                    await client.connect()
            except Exception as error:  # noqa: BLE001 - it concerns the server, not this mail: retry
                return _reason(error), False
            try:
                async with asyncio.timeout_at(until):
                    await client.send_message(message)
            except Exception as error:  # noqa: BLE001 - with any error, this attempt has failed
                return _reason(error), _is_final(error)
            # The server has accepted the mail, so an error of QUIT must not cause a retry.
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_SECONDS)
        finally:
            client.close()
        return None, False


def welcome(mail: Mail, sender: Address, portal_url: str) -> EmailMessage:
    """Return the welcome mail for a client's first user. Raises ValueError if the address cannot be used."""
    message = EmailMessage()
    message["From"] = sender
    # Without the name, which is user input and must not get into a header.
    message["To"] = address(mail.recipient)
    message["Subject"] = "Welcome"
    message["Date"] = formatdate(usegmt=True)
    # The same for every attempt, so that a recipient can recognize a mail that was delivered but not recorded as sent.
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    name = " ".join(mail.name.split())
    message.set_content(f"Hello {name},\n\nwelcome! Your account is ready. You can reach it here:\n\n{portal_url}\n")
    return message


def _reason(error: Exception) -> str:
    """Return the description of an error, without its text, in which a server may repeat the content of the mail."""
    codes = ", ".join(map(str, _codes(error)))
    return f"{type(error).__name__} {codes}".strip()


def _is_final(error: Exception) -> bool:
    """Return whether an error is permanent, so that a retry is useless."""
    if codes := _codes(error):
        return all(code >= 500 and code not in _UNAUTHENTICATED for code in codes)  # noqa: PLR2004 - RFC 5321, 4.2.1
    if isinstance(error, aiosmtplib.SMTPNotSupported):  # a non-ASCII address, and no SMTPUTF8
        return True
    # An address or a header that cannot be written. A TLS error is a ValueError as well, but may be temporary.
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
    except ValueError:  # a host name
        return False
