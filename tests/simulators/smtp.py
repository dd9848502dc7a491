"""An SMTP server that keeps the mails that it accepts, and refuses, drops or hangs where a test tells it to."""

import asyncio
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from time import monotonic
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from msgspec import Struct

Stage = Literal["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "ACCEPTED", "QUIT"]
"""Where a mail is on its way; ACCEPTED is when the server has kept it, and has not answered yet."""

DROP = "drop the connection"
HANG = "do not answer"
SECONDS = 120.0


class Received(Struct, frozen=True):
    """A mail that the server accepted."""

    sender: str
    recipients: list[str]
    options: list[str]
    content: bytes
    message: EmailMessage
    authenticated: bool
    encrypted: bool


class Trouble(Struct):
    """What the server does at a stage instead of going on: a reply like `451 Later`, DROP or HANG."""

    stage: Stage
    what: str
    times: int | None
    to: str | None

    def strikes(self, stage: Stage, address: str) -> bool:
        """Tell whether it is due now, and count it."""
        if self.stage != stage or self.times == 0 or (self.to is not None and self.to != address):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class SmtpServer:
    """Listens on a free port of loopback for the length of a block, in the running loop."""

    def __init__(
        self,
        *,
        login: tuple[str, str] | None = None,
        certificate: ssl.SSLContext | None = None,
        tls: Literal["none", "starttls", "smtps"] = "none",
        utf8: bool = True,
    ) -> None:
        """With a login, no mail is accepted without it. `utf8` is whether addresses may hold non-ASCII letters."""
        self.mails: list[Received] = []
        self.stages: list[Stage] = []
        self._login = login
        self._certificate = certificate
        self._tls = tls
        self._utf8 = utf8
        self._troubles: list[Trouble] = []
        self._connections: list[SMTP] = []
        self._changed = asyncio.Condition()
        self._healed = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(
            self._connection, "127.0.0.1", self.port, ssl=self._certificate if self._tls == "smtps" else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            if connection.transport is not None:
                _transport(connection).abort()
        ended = [connection._handler_coroutine for connection in self._connections if connection._handler_coroutine]
        await asyncio.gather(*ended, return_exceptions=True)

    def url(self, login: str = "", host: str = "127.0.0.1") -> str:
        """Return the value for LEADS_SMTP_URL; `login` is like `user:password`."""
        scheme = "smtps" if self._tls == "smtps" else "smtp"
        return f"{scheme}://{login}{'@' if login else ''}{host}:{self.port}"

    def trouble(self, stage: Stage, what: str, *, times: int | None = None, to: str | None = None) -> None:
        """Make trouble at a stage: so many times (else always), for a recipient (else for all)."""
        self._troubles.append(Trouble(stage, what, times, to))

    def heal(self) -> None:
        """Make no more trouble; what hangs goes on."""
        self._troubles.clear()
        self._healed.set()
        self._healed = asyncio.Event()

    async def reached(self, stage: Stage, times: int = 1, seconds: float = SECONDS) -> None:
        """Wait until mails were so many times at a stage."""
        until = monotonic() + seconds
        async with self._changed:
            while self.stages.count(stage) < times:
                left = until - monotonic()
                assert left > 0, f"{stage} {times} times: only {self.stages}"
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    continue

    async def received(self, count: int = 1) -> list[Received]:
        """Wait for so many mails; return all that there are."""
        await self.reached("ACCEPTED", count)
        return self.mails

    def _connection(self) -> SMTP:
        connection = SMTP(
            self,
            hostname="smtp.test",
            enable_SMTPUTF8=self._utf8,
            tls_context=self._certificate if self._tls == "starttls" else None,
            authenticator=self._authenticate if self._login else None,
            auth_require_tls=self._tls == "starttls",
            loop=asyncio.get_running_loop(),
        )
        self._connections.append(connection)
        return connection

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == self._login
        self.stages.append("AUTH")
        return AuthResult(success=right, handled=False)

    async def _at(self, stage: Stage, server: SMTP, address: str) -> str | None:
        """Return the refusal of this stage if there is one; drop or hang if that is due."""
        async with self._changed:
            self.stages.append(stage)
            self._changed.notify_all()
        trouble = next((trouble for trouble in self._troubles if trouble.strikes(stage, address)), None)
        if trouble is None:
            return None
        if trouble.what == DROP:
            _transport(server).abort()
            await asyncio.Event().wait()  # the end of the connection cancels it
        if trouble.what == HANG:
            await self._healed.wait()
            return None
        return trouble.what

    async def handle_EHLO(  # noqa: N802 - the library's names
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        refusal = await self._at("EHLO", server, "")
        return [refusal] if refusal else responses

    async def handle_HELO(  # noqa: N802
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str
    ) -> str:
        session.host_name = hostname
        return await self._at("EHLO", server, "") or "250 smtp.test"

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := await self._at("MAIL", server, address):
            return refusal
        if self._login and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if refusal := await self._at("RCPT", server, address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient, *_) = envelope.rcpt_tos
        if refusal := await self._at("DATA", server, recipient):
            return refusal
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(
            Received(
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                options=list(envelope.mail_options),
                content=content,
                message=message,
                authenticated=bool(session.authenticated),
                encrypted=_transport(server).get_extra_info("ssl_object") is not None,
            )
        )
        return await self._at("ACCEPTED", server, recipient) or "250 Accepted"

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return await self._at("QUIT", server, "") or "221 Bye"


def _transport(connection: SMTP) -> asyncio.WriteTransport:
    assert isinstance(connection.transport, asyncio.WriteTransport)
    return connection.transport
