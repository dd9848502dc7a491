"""The text of the welcome: headers that no name and no address can add to (contract, "Convert")."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, default

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from leads_api.mail.addresses import address
from leads_api.mail.sender import welcome
from leads_api.mail.store import Mail

SENDER = address("crm@acme.example", "Acme CRM")
PORTAL = "https://portal.acme.example/login"
HEADERS = ["From", "To", "Subject", "Date", "Message-ID"]


def mail(recipient: str = "jane@acme.example", name: str = "Jane Doe") -> Mail:
    return Mail(ObjectId(), ObjectId(), recipient, name, "welcome", 1)


def on_the_wire(message: EmailMessage) -> bytes:
    ascii_only = message["To"].addresses[0].addr_spec.isascii()
    return message.as_bytes(policy=SMTP if ascii_only else SMTPUTF8)


def read(message: EmailMessage) -> EmailMessage:
    """Return the message as a recipient's program reads it."""
    arrived = message_from_bytes(on_the_wire(message), policy=default)
    assert isinstance(arrived, EmailMessage)
    return arrived


def text_of(message: EmailMessage) -> str:
    text: str = read(message).get_content()
    return text.replace("\r\n", "\n")


def own_headers(message: EmailMessage) -> list[str]:
    return [name for name in message if not name.startswith(("Content-", "MIME-"))]


@pytest.mark.parametrize(
    "name",
    [
        "Łukasz Żółć",
        "山田 太郎",
        "Jane 🎉 O'Neil, Jr.",
        "é" * 201,
        "x" * 201,
        'Jane" <victim@x.example>, "Doe',
        "=?utf-8?q?Jane=0D=0ABcc:_victim=40x.example?= Doe",
        "=?utf-8?b?SmFuZQ0KQmNjOiB2aWN0aW1AeC5leGFtcGxl?= Doe",
    ],
)
def test_a_name_is_in_the_greeting_as_it_was_given_and_in_no_header(name: str) -> None:
    message = welcome(mail(name=name), SENDER, PORTAL)

    arrived = read(message)
    assert f"Hello {name},\n" in text_of(message)
    assert PORTAL in text_of(message)
    assert own_headers(arrived) == HEADERS
    assert str(arrived["To"]) == "jane@acme.example"
    assert "victim" not in str(arrived.items())


@pytest.mark.parametrize("space", ["\r\n", "\n", "\r", "\t", "\u2028", "\u0085", " \n\n "])
def test_a_name_stays_on_its_line(space: str) -> None:
    message = welcome(mail(name=f"Jane{space}Bcc: victim@x.example"), SENDER, PORTAL)

    assert "Hello Jane Bcc: victim@x.example,\n" in text_of(message)


@pytest.mark.parametrize(
    ("recipient", "written"),
    [
        ("jane@acme.example", "jane@acme.example"),
        ("jane.o'neil+crm@acme.example", "jane.o'neil+crm@acme.example"),
        ("j,d@acme.example", '"j,d"@acme.example'),
        ("<jd@acme.example", '"<jd"@acme.example'),
        ("jane@[192.0.2.1]", "jane@[192.0.2.1]"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
        ("jane@例え.テスト", "jane@xn--r8jz45g.xn--zckzah"),
        ("jane@例え。テスト.example", "jane@xn--r8jz45g.xn--zckzah.example"),
        ("jane@faß.example", "jane@xn--fa-hia.example"),
        ("jane@FAẞ.example", "jane@xn--fa-hia.example"),
        ("jane@βόλος.example", "jane@xn--nxasmm1c.example"),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_written_as_servers_read_it(recipient: str, written: str) -> None:
    assert address(recipient).addr_spec == written


@pytest.mark.parametrize(
    "recipient",
    [
        "=?utf-8?q?a=0d=0aBcc=3av=40x?=@evil.example",
        "x@=?utf-8?q?a=0d=0aBcc=3av?=.example",
        "x@evil.example>",
        "x@evil.example,victim",
        "x@evil.example(victim)",
        "x@evil＠acme.example",
        "x@ａ，b.example",
        "x@ü..example.(a)",
        f"x@{'ü' * 70}.example",
        "x",
    ],
)
def test_an_address_that_no_mail_can_carry_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        address(recipient)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_encoded = st.from_regex(r"=\?utf-8\?[qb]\?[!-<>-~]{0,30}(=0D=0A)?[!-~]{0,30}\?=", fullmatch=True)
_users = (_text | _encoded).map(lambda text: "".join(text.split()).replace("@", "")).filter(bool)
_domains = st.text("ab-.0ß例ü", min_size=1, max_size=80) | _encoded.map(lambda text: text.replace("@", ""))


@given(_text | _encoded, _users, _domains)
def test_whatever_the_name_and_the_address_the_headers_are_ours(name: str, user: str, domain: str) -> None:
    try:
        message = welcome(mail(f"{user}@{domain}.example", name), SENDER, PORTAL)
    except ValueError:  # then there is no mail
        return

    head = on_the_wire(message).partition(b"\r\n\r\n")[0]

    lines = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert [line for line in lines if not line.startswith(("Content-", "MIME-"))] == HEADERS
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_attempts_of_one_mail_carry_one_message_id_and_mails_their_own() -> None:
    first, second = mail(), mail()

    ids = [welcome(queued, SENDER, PORTAL)["Message-ID"] for queued in (first, first, second)]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@acme.example>")


def test_a_sender_with_an_international_domain_can_be_used() -> None:
    arrived = read(welcome(mail(), address("crm@bücher.example", "Bücher & Söhne, GmbH"), PORTAL))

    (sender,) = arrived["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Bücher & Söhne, GmbH", "crm@xn--bcher-kva.example")
    assert arrived["Message-ID"].isascii()
