"""Mails over TLS, with a password (contract, section 6, LEADS_SMTP_URL)."""

import ssl
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from tests.client import Api
from tests.programs import program
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert

Tls = Literal["starttls", "smtps"]
LOGIN = ("crm@acme.example", "p:a/s s%wörd")
IN_URL = "crm%40acme.example:p%3Aa%2Fs%20s%25w%C3%B6rd"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this host, with its key, that nobody trusts yet."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=smtp.test"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    files = ["-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    command = [program("openssl"), *request.split(), "-addext", names, *files]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate, as an operator would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))


def server(certificate: Path, tls: Tls) -> SmtpServer:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return SmtpServer(login=LOGIN, certificate=context, tls=tls)


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
@pytest.mark.usefixtures("trusted")
async def test_mails_and_the_password_travel_encrypted(
    api: Api, sending: Sending, mails: Outbox, certificate: Path, tls: Tls
) -> None:
    await convert(api)

    async with server(certificate, tls) as smtp, sending(smtp.url(IN_URL)):
        (mail,) = await smtp.received()
        await mails.until("sent")

    assert mail.encrypted
    assert mail.authenticated


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
async def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_mail(
    api: Api, sending: Sending, mails: Outbox, certificate: Path, tls: Tls
) -> None:
    await convert(api)

    async with server(certificate, tls) as smtp, sending(smtp.url(IN_URL)):
        waiting = await mails.until_tried(2)

    assert waiting["status"] == "queued"
    assert waiting["error"]
    assert not {"AUTH", "MAIL"} & set(smtp.stages)
    assert smtp.mails == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_host_is_refused(
    api: Api, sending: Sending, mails: Outbox, certificate: Path
) -> None:
    await convert(api)

    async with server(certificate, "smtps") as smtp, sending(smtp.url(IN_URL, host="127.0.0.2")):
        await mails.until_tried(2)

    assert smtp.mails == []
