"""URLs that must not be called are refused when they are set (contract, section 5, "Webhooks")."""

from tests.client import Api, errors
from tests.conftest import Serve

NOT_PUBLIC = (
    "The url field must name a public host. Its name cannot be resolved, or leads to an address that is not public."
)
NOT_A_URL = "The url field must be an http or https URL in ASCII, without user, password and fragment."

PRIVATE = [
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.1", "0x7f.1", "0x7f000001", "2130706433",
    "0177.0.0.1", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1",
    "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[fe80::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
    "[2002:7f00:1::1]", "[2001::1]", "[3fff::1]", "[100::1]", "[fec0::1]",
]  # fmt: skip
MALFORMED = [
    "acme.example", "//acme.example", "ftp://1.1.1.1", "file:///etc/passwd", "gopher://1.1.1.1", "http:1.1.1.1",
    "http://", "http://user@1.1.1.1", "http://user:pass@1.1.1.1", "http://1.1.1.1#a", "http://1.1.1.1/#", "http://1.1.1.1\\@a",
    "http://1.1.1.1:0", "http://1.1.1.1:65536", "http://1.1.1.1:x", "http://[fe80::1%25eth0]", "http://b\u00fccher.example",
    "http://\uff11.1.1.1", "http://1\u3002 1.1.1", "http://1.1.1.1/\u00e9", "http://1.1.1.1/ x", 'http://1.1.1.1/"',
    "https://a b", "http://1.1.1.1/\r\nHost: x", "http://[1.1.1.1", "http://%31.1.1.1",
]  # fmt: skip


async def test_an_address_that_is_not_public_is_refused_in_every_notation(serve: Serve) -> None:
    async with serve(webhook_allow_private=False) as api:
        for host in PRIVATE:
            answer = await api.post("/api/webhooks", {"url": f"http://{host}/hooks", "events": ["*"]})
            assert errors(answer) == {"url": [NOT_PUBLIC]}, host

        assert (await api.get("/api/webhooks")).json()["data"] == []


async def test_a_public_address_is_accepted_as_sent(serve: Serve) -> None:
    async with serve(webhook_allow_private=False) as api:
        for url in ("https://1.1.1.1", "http://[2606:4700:4700::1111]:8080/a?b=c", "HTTPS://8.8.8.8/%41"):
            assert (await api.webhook(url))["url"] == url


async def test_what_is_no_url_is_refused(api: Api) -> None:
    for url in MALFORMED:
        (text,) = errors(await api.post("/api/webhooks", {"url": url, "events": ["*"]}))["url"]
        assert text in {NOT_A_URL, "The url field contains characters that are not allowed."}, url


async def test_a_name_that_does_not_resolve_is_refused_whatever_is_allowed(api: Api) -> None:
    for host in ("leads.invalid", "a..b", f"{'a' * 64}.example", "."):
        answer = await api.post("/api/webhooks", {"url": f"http://{host}/", "events": ["*"]})
        assert errors(answer)["url"][0] in {NOT_PUBLIC, NOT_A_URL}, host


async def test_a_change_of_the_url_is_checked_as_well(serve: Serve) -> None:
    async with serve(webhook_allow_private=False) as api:
        made = await api.webhook("http://1.1.1.1/")
        path = f"/api/webhooks/{made['id']}"

        assert errors(await api.patch(path, {"url": "http://10.0.0.1/"})) == {"url": [NOT_PUBLIC]}
        assert (await api.get(path)).json()["data"]["url"] == "http://1.1.1.1/"


async def test_private_addresses_can_be_allowed(serve: Serve) -> None:
    async with serve(webhook_allow_private=True) as api:
        for host in ("localhost", "127.1", "10.0.0.1", "[::1]"):
            await api.webhook(f"http://{host}/")
