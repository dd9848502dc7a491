"""Patterns, and texts that grow, turn or hide: they are text (contract, "search" and "Lengths")."""

import unicodedata
from urllib.parse import quote

from tests.api.endpoints import FORM
from tests.api.raw import send_raw
from tests.client import Api, errors

PATTERNS = [
    "(a+)+$",
    "(a|a)*b",
    "([a-z]+)*x",
    "a{1,99999}",
    ".*",
    "^a",
    "[a",
    "(?i)a",
    "\\",
    "\\d",
    "%",
    "_",
    "*",
    "?",
    "|",
]
LONG = "a" * 249 + "!"

GROWING = {
    "case folding, three for one": "ΐ",
    "case folding of a ligature": "ﬃ",
    "lower case, two for one": "İ",
    "NFC, three for one": "\U0001d160",
    "NFC, two for one": "\u0344",
    "NFC and case folding": "\ufb2c",
    "NFKC, eighteen for one": "\ufdfa",
    "four bytes": "\U0001d4d0",
    "marks only": "\u0301",
    "marks on a letter": "a" + "\u0301" * 9,
    "sharp s": "ẞ",
    "a control of direction": "\u202e",
    "a joiner of no width": "\u200d",
    "an emoji of many parts": "👨‍👩‍👧‍👦",
    "Hangul in parts": "\u1112\u1161\u11ab",
}


NOT_UTF_8 = [
    b"\xc0\xaf", b"\xc0\x80", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x88\x80\x80\x80", b"\xed\xa0\x80",
    b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xc3", b"\xff\xfe", b"\xfe\xff\x00a",
]  # fmt: skip
"""Overlong forms, surrogates, what is beyond Unicode, and parts."""


def filled(sign: str, length: int) -> str:
    """Return a text of one sign, of nearly this length in its NFC form."""
    return sign * (length // len(unicodedata.normalize("NFC", sign)))


async def test_a_pattern_in_a_search_is_found_to_the_letter_only(api: Api) -> None:
    await api.lead(lead_title=LONG)
    await api.lead(lead_title="a" * 100 + "b", lead_source=LONG[:150])

    for pattern in PATTERNS:
        odd = await api.lead(lead_title=f"x{pattern}x", lead_source=pattern)

        for query in (f"search={quote(pattern)}", f"source={quote(pattern)}"):
            found = (await api.get(f"/api/leads?{query}")).json()["data"]
            assert [lead["id"] for lead in found] == [odd["id"]], query
        await api.delete(f"/api/leads/{odd['id']}")


async def test_a_search_is_bounded_in_its_length_whatever_its_words(api: Api) -> None:
    await api.lead(lead_title=LONG)
    for words in ("a" * 250, "a " * 124, "(a+)+" * 50, "ﬃ" * 250, "ΐ" * 250, "a" + "\u0301" * 240):
        assert (await api.get(f"/api/leads?search={quote(words)}")).status_code == 200, words
    for words in ("a" * 251, "\ufb2c" * 250, "ab " * 100):
        assert list(errors(await api.get(f"/api/leads?search={quote(words)}"))) == ["search"]


async def test_a_text_that_grows_is_kept_as_sent_and_found_sorted_and_deleted(api: Api) -> None:
    for sign in GROWING.values():
        title, line, tag = filled(sign, 250), filled(sign, 150), filled(sign, 100)
        lead = await api.lead(
            lead_title=title, lead_source=line, lead_company_name=line, lead_description=filled(sign, 65_000)
        )
        path = f"/api/leads/{lead['id']}"
        await api.put(f"{path}/tags", {"tags": [tag]})
        await api.comment(lead["id"], filled(sign, 10_000))

        shown = await api.shown(lead["id"])
        assert [shown["title"], shown["source"], shown["tags"]] == [title, line, [tag]]
        for query in (f"source={quote(line)}", f"tag={quote(tag)}", "sort=lead_title"):
            found = (await api.get(f"/api/leads?{query}")).json()["data"]
            assert [one["id"] for one in found] == [lead["id"]], query
        if len(sign) < 3 and not unicodedata.combining(sign[0]):
            found = (await api.get(f"/api/leads?search={quote(sign * 3)}")).json()["data"]
            assert [one["id"] for one in found] == [lead["id"]]
        assert (await api.delete(path)).status_code == 200


async def test_a_length_is_that_of_the_nfc_form(api: Api) -> None:
    body = {"lead_title": "A", "lead_status": 1, "lead_categoryid": 3}
    for name, length in (("lead_title", 250), ("lead_source", 150), ("lead_firstname", 100)):
        for sign in ("\ufb2c", "\U0001d160"):  # three signs each, in NFC
            assert list(errors(await api.post("/api/leads", body | {name: sign * (length // 3 + 1)}))) == [name]
        await api.lead(**{name: "e\u0301" * length})


async def test_bytes_that_are_no_utf_8_are_never_repaired(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"

    for raw in NOT_UTF_8:
        encoded = quote(raw)
        for content, kind in (
            (b'{"lead_title": "' + raw + b'"}', "application/json"),
            (b"lead_title=" + raw, FORM),
            (b"lead_title=" + encoded.encode(), FORM),
            (b'{"' + raw + b'": 1}', "application/json"),
        ):
            answer = await api.patch(path, content=content, headers={"Content-Type": kind})
            assert answer.status_code == 400, content
        assert list(errors(await send_raw(api, "GET", "/api/leads", query=b"search=" + encoded.encode()))) == ["search"]
        assert (await send_raw(api, "GET", f"{path}/{raw.decode('utf-8', 'surrogateescape')}")).status_code == 404
        assert await api.shown(lead["id"]) == lead


async def test_a_lone_surrogate_is_no_text(api: Api) -> None:
    lead = await api.lead()

    for escape in ("\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "x\\ud83d"):
        for content in (f'{{"lead_title": "{escape}"}}', f'{{"{escape}": "x"}}'):
            answer = await api.patch(
                f"/api/leads/{lead['id']}", content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 400, content


async def test_a_number_of_any_length_is_answered(api: Api) -> None:
    for digits in ("9" * 20, "9" * 5_000, "9" * 100_000, "1e999999999", "1e-999999999", "1" + "0" * 400 + ".5"):
        for name in ("lead_value", "lead_status", "lead_title"):
            for value in (digits, f'"{digits}"', f"-{digits}"):
                content = f'{{"lead_title": "A", "lead_categoryid": 3, "lead_status": 1, "{name}": {value}}}'
                answer = await api.post("/api/leads", content=content, headers={"Content-Type": "application/json"})
                assert answer.status_code in {201, 400, 422}, (name, value[:20])
