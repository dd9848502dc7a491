"""The database goes away and comes back: mails go on, each once (contract, "Convert")."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from leads_api.mongo.client import Client, Database, connect
from leads_api.server.embedded import Embedded
from tests.client import Api
from tests.simulators.smtp import HANG, SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import Outbox, convert
from tests.wire.process import until

pytestmark = pytest.mark.own_database


class Store:
    """A server that can be away for a while."""

    def __init__(self, folder: Path, log: pytest.LogCaptureFixture) -> None:
        self._folder = folder
        self._log = log
        self._server = Embedded(folder)
        self.uri = self._server.uri

    @asynccontextmanager
    async def away(self, said: str) -> AsyncIterator[None]:
        """Be away during the block, and then until the log says that it was noticed."""
        self._server.stop()
        try:
            yield
            await until(lambda: self._logged(said), f"the log says that {said}")
        finally:
            self._server = Embedded(self._folder, port=self._server.port)

    async def _logged(self, said: str) -> bool:
        return any(said in record.getMessage() for record in self._log.records if record.name == "leads.mail")

    def stop(self) -> None:
        """End it."""
        self._server.stop()


@pytest.fixture
def own_store(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Store]:
    """A server of the test's own."""
    server = Store(tmp_path / "store", caplog)
    yield server
    server.stop()


@pytest.fixture
async def wire_client(own_store: Store) -> AsyncIterator[Client]:
    """A client of that server, which soon notices that it is away."""
    client = connect(own_store.uri, request_timeout=1.0)
    yield client
    client.close()


@pytest.fixture
async def database(wire_client: Client) -> Database:
    """A database that ends with its server."""
    return wire_client["leads"]


async def test_an_outage_does_not_end_the_sending(
    api: Api, own_store: Store, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    async with sending(smtp.url()):
        async with own_store.away("the mail queue cannot be read"):
            pass
        await until(lambda: _converted(api), "a conversion succeeds again")
        await mails.until("sent")

    assert len(smtp.mails) == 1


async def test_a_mail_sent_in_an_outage_is_noted_after_it_and_not_sent_again(
    api: Api, own_store: Store, sending: Sending, smtp: SmtpServer, mails: Outbox
) -> None:
    await convert(api)
    smtp.trouble("ACCEPTED", HANG)

    async with sending(smtp.url()):
        await smtp.reached("ACCEPTED")
        async with own_store.away("cannot be recorded yet"):
            smtp.heal()
        (sent,) = await mails.until("sent")

    assert sent["attempts"] == 1
    assert len(smtp.mails) == 1


async def _converted(api: Api) -> bool:
    """Try a whole conversion, with a welcome."""
    answer = await api.post("/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3})
    if answer.status_code != 201:
        return False
    choices = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "send_welcome_email": "yes"}
    return (await api.post(f"/api/leads/{answer.json()['data']['id']}/convert", choices)).status_code == 201
