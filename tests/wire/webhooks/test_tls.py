"""Webhooks over TLS: the certificate is checked for the host's name (contract, section 5, "Webhooks")."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.client import Api
from tests.programs import program
from tests.simulators.receiver import Receiver
from tests.wire.webhooks.queue import Queue, ping, shown


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost`, with its key, that nobody trusts yet."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hooks.test"
    files = ["-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    command = [program("openssl"), *request.split(), "-addext", "subjectAltName=DNS:localhost", *files]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate, as an operator would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))


def server(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.usefixtures("trusted")
async def test_an_event_is_sent_to_a_trusted_receiver(api: Api, queue: Queue, certificate: Path) -> None:
    async with Receiver(server(certificate)) as receiver:
        for host in ("localhost", "LocalHost."):
            await ping(api, await api.webhook(receiver.url(host=host)))
        await queue.until("delivered", "delivered")

    assert len(receiver.requests) == 2


async def test_a_certificate_that_nobody_vouches_for_is_told(api: Api, queue: Queue, certificate: Path) -> None:
    async with Receiver(server(certificate)) as receiver:
        made = await api.webhook(receiver.url(host="localhost"))
        await ping(api, made)
        await queue.until_tried(1)
        (delivery,) = await shown(api, made)

    assert delivery["status"] == "pending"
    assert delivery["error"] == "The TLS certificate is not valid: self-signed certificate."
    assert receiver.requests == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_host_is_told(api: Api, queue: Queue, certificate: Path) -> None:
    async with Receiver(server(certificate)) as receiver:
        made = await api.webhook(receiver.url(host="127.0.0.1"))
        await ping(api, made)
        await queue.until_tried(1)
        (delivery,) = await shown(api, made)

    assert delivery["error"].startswith("The TLS certificate is not valid: IP address mismatch")
    assert receiver.requests == []


async def test_a_receiver_without_tls_is_told(api: Api, queue: Queue) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        made = await api.webhook(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await ping(api, made)
        await queue.until_tried(1)

    (delivery,) = await shown(api, made)
    assert delivery["error"] == "TLS failed: WRONG_VERSION_NUMBER."
    assert delivery["response_status"] is None
