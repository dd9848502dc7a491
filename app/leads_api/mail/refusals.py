"""What an error of an SMTP delivery says about the mail.

Only replies to RCPT and DATA can be about the mail. Earlier errors, such as a wrong login or a refused sender, concern
all mails, and no mail may fail because of them.
"""

import re
from email.errors import MessageError

import aiosmtplib

from leads_api.mail.store import Verdict

_NOT_ABOUT_MAIL = {421, 530, 534, 535, 538}
"""The server is closing, or wants a login or TLS (RFC 5321, 4.2.3; RFC 4954, 6)."""
_ABOUT_SENDER = {"1.7", "1.8"}
"""Enhanced codes: bad address or domain of the sender (RFC 3463). Many servers check the sender only at RCPT."""
_FOR_GOOD = {550, 551, 552, 553, 554, 556}
"""The mailbox, its domain or the message is refused (RFC 5321, 4.2.3; RFC 7504)."""
_ABOUT_SETTINGS = {"3", "5", "7"}
"""Subjects of enhanced codes (RFC 3463, 3): mail system, protocol, and security or policy, such as a refused relay."""


def verdict(error: Exception) -> Verdict:
    """Return what an error says about the mail."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError):
        return _of_reply(*_replies(error)[0])
    # A non-ASCII address, and no SMTPUTF8; or an address that cannot be written. A TLS error is a ValueError as well.
    about_address = aiosmtplib.SMTPNotSupported | ValueError | MessageError
    if isinstance(error, about_address) and not isinstance(error, OSError):
        return Verdict.REFUSED_FOR_GOOD
    return Verdict.NOT_ABOUT_MAIL


def reason(error: Exception) -> str:
    """Return the description of an error, without its text, in which a server may repeat the content of the mail."""
    codes = [f"{code} {enhanced}".strip() for code, enhanced in _replies(error)]
    return f"{type(error).__name__} {', '.join(codes)}".strip()


def _of_reply(code: int, enhanced: str) -> Verdict:
    _, _, detail = enhanced.partition(".")
    if code in _NOT_ABOUT_MAIL or detail in _ABOUT_SENDER:
        return Verdict.NOT_ABOUT_MAIL
    if code in _FOR_GOOD and detail.partition(".")[0] not in _ABOUT_SETTINGS:
        return Verdict.REFUSED_FOR_GOOD
    return Verdict.REFUSED


def _replies(error: Exception) -> list[tuple[int, str]]:
    """Return the reply codes of an error, each with its enhanced code, or an empty text."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [reply for refused in error.recipients for reply in _replies(refused)]
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return []
    enhanced = re.match(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b", error.message, re.ASCII)
    return [(error.code, enhanced[0] if enhanced else "")]
