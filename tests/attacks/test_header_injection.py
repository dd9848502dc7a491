"""Nothing that a caller sends adds a line, a header or an address to an answer or a mail (contract, sections 1 and 3).

What names and addresses can do to a mail is in tests/unit/mail/test_welcome.py and tests/wire/mail/test_welcome.py.
"""

import itertools
import re
from urllib.parse import quote

import httpx
import pytest

from leads_api.settings import BadSetting, from_environment
from tests.api.endpoints import ENDPOINTS, make_records
from tests.api.raw import send_raw
from tests.client import errors
from tests.conftest import Serve

BREAKS = [b"\r\n", b"\n", b"\r", b"\0", b"\x0b", b"\x0c", b"\x7f", b"\x85", "\u2028".encode(), b"\xc4\x8a", b"\t"]
"""Line ends, and what some programs make line ends of."""
EVIL = b"Evil: 1"

_VALUE = re.compile(r"[\x20-\x7e]*")


def assert_whole(answer: httpx.Response) -> None:
    """Assert that every header of an answer is one line of visible ASCII, and that there is none that was sent."""
    assert "evil" not in answer.headers
    for name, value in answer.headers.multi_items():
        assert _VALUE.fullmatch(value), (name, value)
        assert re.fullmatch(r"[a-z-]+", name), name


async def test_no_header_that_is_echoed_adds_a_line(serve: Serve) -> None:
    origin = "https://app.acme.example"
    names = [
        b"x-request-id", b"origin", b"access-control-request-method", b"access-control-request-headers", b"host",
        b"x-forwarded-host", b"x-forwarded-prefix", b"forwarded", b"content-encoding", b"content-type", b"traceparent",
        b"authorization", b"if-match", b"if-none-match", b"idempotency-key",
    ]  # fmt: skip
    async with serve(cors_origins=(origin,)) as api:
        for name, sign, method in itertools.product(names, BREAKS, ("GET", "POST", "OPTIONS")):
            value = b"x" + sign + EVIL
            fields = [(b"origin", origin.encode()), (b"access-control-request-method", b"PUT"), (name, value)]
            assert_whole(await send_raw(api, method, "/api/leads", headers=fields))


async def test_no_query_breaks_out_of_a_link(serve: Serve) -> None:
    linked = 0
    async with serve() as api:
        for sign in (*BREAKS, b">", b'"', b"<", b"; rel=x", b",", b"\\"):
            value = b"x" + sign + EVIL
            for _ in range(2):  # so that there is a next page, where the text is one that a lead may have
                body = {
                    "lead_title": "A",
                    "lead_status": 1,
                    "lead_categoryid": 3,
                    "lead_source": value.decode("latin-1"),
                }
                await api.post("/api/leads", body)
            text = quote(value.decode("latin-1")).encode()
            for name in (b"source", b"search", b"tag", b"cursor", b"sort"):
                for query in (b"limit=1&" + name + b"=" + value, b"limit=1&" + name + b"=" + text):
                    answer = await send_raw(api, "GET", "/api/leads", query=query)
                    assert_whole(answer)
                    if (link := answer.headers.get("Link")) is not None:
                        assert re.fullmatch(r'<[!#-;=?-~]+>; rel="next"', link), link
                        linked += 1

    assert linked > len(BREAKS)


async def test_a_link_leads_to_this_service_whatever_host_is_named(serve: Serve) -> None:
    async with serve() as api:
        for _ in range(2):
            await api.lead()
        evil = [
            (b"host", b"evil.example"),
            (b"x-forwarded-host", b"evil.example"),
            (b"forwarded", b"host=evil.example"),
        ]
        page = await send_raw(api, "GET", "/api/leads", query=b"limit=1", headers=evil)
        body = b'{"lead_title": "A", "lead_status": 1, "lead_categoryid": 3}'
        made = await send_raw(
            api, "POST", "/api/leads", headers=[*evil, (b"content-type", b"application/json")],
            messages=[{"type": "http.request", "body": body}],
        )  # fmt: skip

    assert page.headers["Link"].startswith("</api/leads?")
    assert re.fullmatch(r"/api/leads/[1-9][0-9]*", made.headers["Location"])


async def test_no_path_adds_a_line_to_allow_location_or_link(serve: Serve) -> None:
    async with serve() as api:
        ids = await make_records(api)

        for sign in (*BREAKS, b"//evil.example", b"\\\\evil.example"):
            for endpoint in ENDPOINTS:
                path = endpoint.at(ids) + sign.decode("utf-8", "surrogateescape") + "Evil: 1"
                for method in ("GET", "OPTIONS", "PURGE"):
                    answer = await send_raw(api, method, path)
                    assert_whole(answer)
                    if not endpoint.path.endswith("{external_id}"):  # any text is an external id
                        assert answer.status_code == 404


async def test_no_stored_text_is_in_a_header(serve: Serve) -> None:
    async with serve() as api:
        text = "x\r\nEvil: 1"
        lead = await api.lead(lead_title=text, lead_source=text, lead_description=text)
        await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [text]})
        await api.comment(lead["id"], text)
        for path in ("/api/leads?limit=1", f"/api/leads/{lead['id']}", f"/api/leads/{lead['id']}/comments"):
            assert_whole(await api.get(path))
        assert_whole(await api.post(f"/api/leads/{lead['id']}/clone", {"lead_title": text, "lead_status": 1}))


async def test_an_address_with_a_line_end_is_no_address(serve: Serve) -> None:
    async with serve() as api:
        lead = await api.lead()
        for sign in BREAKS:
            for email in (
                "jane@acme.example{}Bcc:x@evil.example",
                "jane{}@acme.example",
                "jane@acme.example{},x@evil.example",
            ):
                person = {"first_name": "Jane", "last_name": "Doe", "email": email.format(sign.decode("latin-1"))}
                answer = await api.post(f"/api/leads/{lead['id']}/convert", person)
                assert list(errors(answer)) == ["email"], email


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\0", "\u2028", "\x85", "\x0b"])
@pytest.mark.parametrize("name", ["PORTAL_URL", "MAIL_FROM", "SMTP_URL", "ROOT_PATH", "CORS_ORIGINS"])
def test_no_setting_that_is_written_into_a_header_or_a_mail_has_a_line_end(name: str, sign: str) -> None:
    good = {
        "LEADS_MONGODB_URI": "mongodb://127.0.0.1",
        "LEADS_SMTP_URL": "smtp://127.0.0.1:25",
        "LEADS_MAIL_FROM": "crm@acme.example",
        "LEADS_PORTAL_URL": "https://portal.acme.example/",
        "LEADS_ROOT_PATH": "/crm",
        "LEADS_CORS_ORIGINS": "https://app.acme.example",
    }
    variable = f"LEADS_{name}"
    from_environment(good)

    with pytest.raises(BadSetting, match=variable):
        from_environment(good | {variable: f"{good[variable]}{sign}Bcc: x@evil.example"})
