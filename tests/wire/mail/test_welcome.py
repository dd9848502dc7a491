"""The welcome mail: who gets one, and what it says (contract, "Convert")."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.client import KEY, Api, errors
from tests.conftest import Serve
from tests.simulators.smtp import SmtpServer
from tests.wire.mail.conftest import Sending
from tests.wire.mail.outbox import PORTAL, Outbox, convert, mailing

JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}


def text_of(message: EmailMessage) -> str:
    text: str = message.get_content()
    return text.replace("\r\n", "\n")


async def test_a_conversion_that_asks_for_it_sends_one_welcome(serve: Serve, smtp: SmtpServer, mails: Outbox) -> None:
    async with serve(**mailing(smtp.url())) as api:
        lead = await api.lead()
        await api.client(lead["id"], **JANE, send_welcome_email="yes")
        (mail,) = await smtp.received()
        await mails.until("sent")

    assert (mail.sender, mail.recipients) == ("crm@acme.example", ["jane@acme.example"])
    assert str(mail.message["From"]) == "Acme CRM <crm@acme.example>"
    assert str(mail.message["To"]) == "jane@acme.example"
    assert str(mail.message["Subject"]).strip()
    assert str(mail.message["Message-ID"]).endswith("@acme.example>")
    assert abs(parsedate_to_datetime(mail.message["Date"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert "Hello Jane Doe," in text_of(mail.message)
    assert PORTAL in text_of(mail.message)
    assert len(smtp.mails) == 1


async def test_the_welcome_of_a_deleted_lead_is_sent_too(serve: Serve, smtp: SmtpServer) -> None:
    async with serve(**mailing(smtp.url())) as api:
        await convert(api, "jane@acme.example", delete_lead="yes")
        (mail,) = await smtp.received()

    assert mail.recipients == ["jane@acme.example"]


async def test_a_welcome_carries_no_secret(serve: Serve, database: Database) -> None:
    login = ("crm", "smtp-7f3a")

    async with SmtpServer(login=login) as smtp, serve(**mailing(smtp.url(":".join(login)))) as api:
        await convert(api)
        (mail,) = await smtp.received()

    sent = mail.content.decode() + text_of(mail.message)
    assert mail.authenticated
    for secret in ("assword", "smtp-7f3a", KEY, database.name):
        assert secret not in sent


async def test_people_are_greeted_by_names_of_any_letters(serve: Serve, smtp: SmtpServer) -> None:
    names = [("Zoë", "Ångström"), ("山田", "太郎"), ("محمد", "علي"), ("Jane 🎉", "O'Neil, Jr."), ("é" * 100, "ß" * 100)]

    async with serve(**mailing(smtp.url())) as api:
        for first_name, last_name in names:
            await convert(api, first_name=first_name, last_name=last_name)
        await smtp.received(len(names))

    for (first_name, last_name), mail in zip(names, smtp.mails, strict=True):
        assert f"Hello {first_name} {last_name},\n" in text_of(mail.message)


@pytest.mark.parametrize(
    "first_name", ["Jane\r\nBcc: victim@x.example\r\n\r\nBuy", "=?utf-8?q?Jane=0D=0ABcc:_victim=40x.example?="]
)
async def test_a_name_adds_neither_a_header_nor_a_recipient(serve: Serve, smtp: SmtpServer, first_name: str) -> None:
    async with serve(**mailing(smtp.url())) as api:
        await convert(api, "jane@acme.example", first_name=first_name)
        (mail,) = await smtp.received()

    head = mail.content.split(b"\r\n\r\n")[0].decode()
    assert mail.recipients == ["jane@acme.example"]
    assert "victim" not in head
    assert f"Hello {' '.join(first_name.split())} Doe,\n" in text_of(mail.message)


@pytest.mark.parametrize(
    ("email", "recipient"),
    [
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
    ],
)
async def test_an_address_reaches_the_server_as_it_can_carry_it(
    serve: Serve, smtp: SmtpServer, mails: Outbox, email: str, recipient: str
) -> None:
    async with serve(**mailing(smtp.url())) as api:
        await convert(api, email)
        (mail,) = await smtp.received()
        await mails.until("sent")

    assert mail.recipients == [recipient]
    assert ("SMTPUTF8" in mail.options) is not recipient.isascii()
    assert f"\r\nTo: {recipient}\r\n" in mail.content.decode()


async def test_a_server_without_smtputf8_gets_the_other_mails(api: Api, sending: Sending, mails: Outbox) -> None:
    await convert(api, "jürgen@acme.example")
    await convert(api, "jane@bücher.example")

    async with SmtpServer(utf8=False) as smtp, sending(smtp.url()):
        (mail,) = await smtp.received()
        await mails.until("dead", "sent")

    assert mail.recipients == ["jane@xn--bcher-kva.example"]


async def test_addresses_that_no_mail_can_carry_end_there_and_hold_up_nothing(
    api: Api, sending: Sending, smtp: SmtpServer, mails: Outbox, database: Database
) -> None:
    await convert(api, "=?utf-8?q?a=0d=0aBcc=3av=40x?=@evil.example")
    for number, email in enumerate([f"x@{'ü' * 70}.example", "x@evil.example>"]):  # earlier versions took these
        await convert(api, f"{number}@acme.example")
        await database["mails"].update_one({"recipient": f"{number}@acme.example"}, {"$set": {"recipient": email}})
    await convert(api, "jane@acme.example")

    async with sending(smtp.url()):
        *bad, _ = await mails.until("dead", "dead", "dead", "sent")

    assert [mail.recipients for mail in smtp.mails] == [["jane@acme.example"]]
    assert [mail["attempts"] for mail in bad] == [1, 1, 1]
    assert all(mail["error"] for mail in bad)


@pytest.mark.parametrize("choices", [{}, {"send_welcome_email": "no"}, {"send_welcome_email": ""}])
async def test_who_does_not_ask_for_a_welcome_gets_none(api: Api, mails: Outbox, choices: dict[str, str]) -> None:
    lead = await api.lead()

    await api.client(lead["id"], **choices)

    assert await mails.all() == []


async def test_a_refused_conversion_queues_none(api: Api, mails: Outbox) -> None:
    converted, lead = await api.lead(), await api.lead()
    await api.client(converted["id"], email="taken@acme.example")

    async def ask(lead_id: int, **changes: str) -> httpx.Response:
        return await api.post(f"/api/leads/{lead_id}/convert", JANE | {"send_welcome_email": "yes"} | changes)

    again, taken = await ask(converted["id"]), await ask(lead["id"], email="Taken@acme.example")
    unknown, invalid = await ask(999), await ask(lead["id"], last_name="")

    assert [answer.status_code for answer in (again, unknown)] == [409, 404]
    assert list(errors(taken)) == ["email"]
    assert list(errors(invalid)) == ["last_name"]
    assert await mails.all() == []
