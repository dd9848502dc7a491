"""The sender that LEADS_MAIL_FROM names is read the same by every version of Python."""

import pytest

from leads_api.mail.addresses import sender


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("crm@acme.example", "", "crm@acme.example"),
        ("<crm@acme.example>", "", "crm@acme.example"),
        ("Acme <crm@acme.example>", "Acme", "crm@acme.example"),
        ("Acme<crm@acme.example>", "Acme", "crm@acme.example"),
        ("  Acme CRM   <crm@acme.example> ", "Acme CRM", "crm@acme.example"),
        ('"Acme, Inc." <crm@acme.example>', "Acme, Inc.", "crm@acme.example"),
        (r'"The \"A\" <team>" <crm@acme.example>', 'The "A" <team>', "crm@acme.example"),
        ('"sales@acme" <crm@acme.example>', "sales@acme", "crm@acme.example"),
        ("Acme (sales) <crm@acme.example>", "Acme (sales)", "crm@acme.example"),
        ("Müller & Söhne <o'neil+crm@bücher.example>", "Müller & Söhne", "o'neil+crm@xn--bcher-kva.example"),
        ("crm@[192.0.2.1]", "", "crm@[192.0.2.1]"),
        ("crm@[IPv6:2001:db8::1]", "", "crm@[IPv6:2001:db8::1]"),
        ("crm@localhost", "", "crm@localhost"),
    ],
)
def test_an_address_with_or_without_a_name_is_a_sender(text: str, name: str, address: str) -> None:
    found = sender(text)

    assert (found.display_name, found.addr_spec) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "@", "<>", "<@>", '"', "(", ";", '"a', '"a\\', "Acme", "Acme <>", "Acme <crm>",
        "a@", "@b", "a@b@c", "a@b.", "a@.b", "a@b..c", ".a@b", "a.@b", "a..b@c", "a b@c.example", "a@b c", "\\@b",
        "a@\\", "a@(b)", "a@b(c)", "a@[", "a@[]", "a@[1.2.3.4", "[a]@b", '""@b', "a@b!", "ä@b.example",
        "<a@b", "a@b>", "<<a@b>>", "Acme <a@b> Inc", "Acme <a@b", "Acme > <a@b>",
        "a,b@c.example", "a@b,c@d", "a@b;", "a:b@c;", "Acme: a@b", "x <a@b>, y <c@d>", "<a@b> <c@d>",
        "Acme, Inc <crm@acme.example>", "a@b <crm@acme.example>", "=?utf-8?q?a?=@b.example",
        "crm@acme.example\nBcc: all@acme.example", "Acme\r\n <crm@acme.example>", "a@b\x00",
        f"a@{'b' * 64}.example", f"a@{'ü' * 70}.example", "a@=?utf-8?q?b?=.example",
    ],
)  # fmt: skip
def test_what_is_not_one_address_that_can_send_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        sender(text)
