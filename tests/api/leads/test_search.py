"""GET /api/leads?search=: words as substrings, nothing of them an operator (contract, "List")."""

import pytest

from tests.client import Api, errors

ODD = r"100% (a+b) [x] {y} *.$^|\ _? 'q' &amp; #1 <i>"
CAFE = {
    "lead_title": "Café Zürich – Website",
    "lead_company_name": "Müller & Söhne",
    "lead_email": "Jane.Doe@acme.example",
}
OCCURRING = [
    "Café", "café", "CAFÉ", "cafe", "Cafe\u0301", "afé", "f", "zurich", "ZÜR", "z\u00fcr", "bsite", "–", "&", "muller",
    "MÜLLER", "sohne", "jane.doe@acme.example", "JANE", "e.doe@ac", "@", ".example", "jane cafe", "cafe jane", "e e e",
    "website   muller", " \t cafe \r\n jane ", "cafe\u00a0jane", "caf afe fé",
]  # fmt: skip
NOT_OCCURRING = [
    "cafezurich", "cafés", "jane smith", "cafe qqq", "cafe website muller acmes", "janedoe", "c.fe", "c*", "^cafe",
    "caf%", "c_fe", "cafe|tea", ".*", "$ne", '{"$gt": ""}', "\\", "'", '"cafe"', "-qqq", "null", "\U0010ffff",
]  # fmt: skip
ODD_PARTS = ["0%", "a+b", "amp;", "^|", "$^|\\"]
BASES = {
    "Łódź Logistics": "lodz logistics", "Ilıca": "ilica", "İzmir": "izmir", "Smørrebrød": "smorrebrod", "Ǿre": "ore",
    "Đà Nẵng": "da nang", "Ħamrun": "hamrun", "Ŧeno": "teno", "Guðrún": "gudrun", "Encyclopædia": "encyclopaedia",
    "Œuvre": "oeuvre", "Þórsmörk": "thorsmork", "Straße": "strasse", "ﬁnance oﬃce": "finance office", "Ĳssel": "ijssel",
    "O’Brien": "o'brien", "“Ltd”": '"ltd"', "«Sàrl»": '"sarl"', "A–B": "a-b", "C—D": "c-d", "E‑F": "e-f",
    "Йогурт": "иогурт", "España": "espana",
}  # fmt: skip
"""Texts, and the same in base letters and plain signs."""
DIFFERENT = {"ハハ": "パパ", "ﾊﾊ": "ﾊﾟﾊﾟ", "はは": "ばば", "カキ": "ガギ", "ปู": "ปุ", "a=b": "a≠b"}
SCRIPTS = {
    "straße": "STRASSE",
    "ΣΊΣΥΦΟΣ": "σίσυφος",
    "İstanbul": "istanbul",
    "Łódź": "ŁÓDZ",
    "Ёлка": "елка",
    "日本語の会社": "語の",
    "rocket🚀ship": "t🚀s",
    "E\u0301cole": "école",
}


async def test_every_word_occurs_somewhere_in_any_case_and_with_any_accents(api: Api) -> None:
    await api.lead(**CAFE)
    await api.lead(lead_title="qqq")

    found = {search: await titles(api, search) for search in OCCURRING}

    assert found == {search: [CAFE["lead_title"]] for search in OCCURRING}


async def test_nothing_is_found_by_what_does_not_occur_nor_by_wildcards_and_operators(api: Api) -> None:
    await api.lead(**CAFE)
    await api.lead(lead_title="qqq")

    found = {search: await titles(api, search) for search in NOT_OCCURRING}

    assert found == {search: [] for search in NOT_OCCURRING}


async def test_signs_that_mean_something_elsewhere_are_found_to_the_letter(api: Api) -> None:
    await api.lead(lead_title=ODD)
    await api.lead(lead_title="qqq")

    found = {search: await titles(api, search) for search in [*ODD.split(), *ODD_PARTS]}

    assert found == {search: [ODD] for search in [*ODD.split(), *ODD_PARTS]}


async def test_other_scripts_are_searched_as_well(api: Api) -> None:
    for title in SCRIPTS:
        await api.lead(lead_title=title)

    found = {title: await titles(api, search) for title, search in SCRIPTS.items()}

    assert found == {title: [title] for title in SCRIPTS}


async def test_letters_with_strokes_ligatures_and_typographic_signs_are_found_by_plain_ones_and_the_other_way_round(
    api: Api,
) -> None:
    for text, plain in BASES.items():
        await api.lead(lead_title=text)
        await api.lead(lead_title=plain)

    found = {search: await titles(api, search) for both in BASES.items() for search in both}

    assert found == {search: sorted(both) for both in BASES.items() for search in both}


async def test_marks_that_make_another_sign_count(api: Api) -> None:
    for both in DIFFERENT.items():
        for text in both:
            await api.lead(lead_title=text)

    found = {search: await titles(api, search) for both in DIFFERENT.items() for search in both}

    halfwidth = {"ハハ": "ﾊﾊ", "ﾊﾊ": "ハハ", "パパ": "ﾊﾟﾊﾟ", "ﾊﾟﾊﾟ": "パパ"}
    assert found == {
        search: sorted({search, halfwidth.get(search, search)}) for both in DIFFERENT.items() for search in both
    }


async def test_only_title_company_and_email_are_searched(api: Api) -> None:
    await api.lead(
        lead_firstname="needle", lead_lastname="needle", lead_phone="needle", lead_website="needle",
        lead_job_position="needle", lead_source="needle", lead_description="needle", lead_street="needle",
        lead_city="needle", lead_state="needle", lead_zip="needle", lead_country="needle",
    )  # fmt: skip
    for number, field in enumerate(("lead_title", "lead_company_name", "lead_email")):
        await api.lead(**{"lead_title": f"Acme {number}", field: "a@needle.example"})

    assert await titles(api, "needle") == ["Acme 1", "Acme 2", "a@needle.example"]


async def test_any_part_of_the_longest_word_is_found(api: Api) -> None:
    word = "".join(chr(0x4E00 + number) for number in range(250))
    await api.lead(lead_title=word)

    assert await titles(api, word) == [word]
    assert await titles(api, word[100:250]) == [word]
    assert await titles(api, word[249]) == [word]
    assert await titles(api, word[100] + word[102]) == []


@pytest.mark.parametrize("letter", ["a", "\ufb03", "\ufdf2", "\U0001f600"])
async def test_a_long_word_is_found_as_a_whole_and_not_beyond_its_end(api: Api, letter: str) -> None:
    await api.lead(lead_title=letter * 40, lead_company_name=letter * 41)
    await api.lead(lead_title=letter * 39)

    assert await titles(api, letter * 41) == [letter * 40]
    assert await titles(api, letter * 42) == []
    assert await titles(api, f"{letter * 39} {letter}") == [letter * 39, letter * 40]


async def test_a_whole_long_email_finds_its_lead_only(api: Api) -> None:
    domain = "international-transport.example"
    for number in range(3):
        await api.lead(lead_title=f"Lead {number}", lead_email=f"jane.doe-of-the-branch-{number}@{domain}")

    assert await titles(api, f"doe-of-the-branch-1@{domain}") == ["Lead 1"]
    assert await titles(api, f"JANE.doe-of-the-branch-2@{domain} lead") == ["Lead 2"]
    assert await titles(api, f"the-branch-3@{domain}") == []


async def test_a_blank_search_is_as_if_it_were_absent(api: Api) -> None:
    await api.lead()

    found = [await titles(api, blank) for blank in ("", " ", "\t")]

    assert found == [["Acme"]] * 3


async def test_a_search_with_control_characters_is_refused(api: Api) -> None:
    answer = await api.get("/api/leads", search="ac\0me")

    assert errors(answer) == {"search": ["The search field contains characters that are not allowed."]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_changed_lead_is_found_by_its_new_texts_and_by_its_old_ones_no_more(api: Api, method: str) -> None:
    lead = await api.lead(lead_title="oldtitle", lead_company_name="oldfirm", lead_email="old@mail.example")
    required = {"lead_status": 1, "lead_categoryid": 3}

    answer = await api.call(
        method, f"/api/leads/{lead['id']}", required | {"lead_title": "newtitle", "lead_company_name": "newfirm"}
    )

    assert answer.status_code == 200
    assert await titles(api, "newtitle newfirm") == ["newtitle"]
    assert await titles(api, "oldtitle") == []
    assert await titles(api, "oldfirm") == []
    assert await titles(api, "old@mail") == ([] if method == "PUT" else ["newtitle"])


async def test_a_patch_of_one_searched_field_keeps_the_others_findable(api: Api) -> None:
    lead = await api.lead(lead_title="alpha", lead_company_name="beta", lead_email="gamma@mail.example")
    path = f"/api/leads/{lead['id']}"

    await api.patch(path, {"lead_title": "delta"})
    await api.patch(path, {"lead_company_name": None})
    await api.patch(path, {"lead_phone": "5"})

    assert await titles(api, "delta gamma") == ["delta"]
    assert await titles(api, "alpha") == []
    assert await titles(api, "beta") == []


async def test_a_search_goes_with_filters_sorts_and_pages(api: Api) -> None:
    for number, status in enumerate((1, 3, 3, 3)):
        await api.lead(lead_title=f"website {number}", lead_status=status)
    await api.lead(lead_title="other", lead_status=3)

    answer = await api.get("/api/leads", search="SITE", status=3, sort="lead_title", order="asc", limit=2, page=2)

    assert [lead["title"] for lead in answer.json()["data"]] == ["website 3"]
    assert answer.json()["meta"] == {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2}


async def titles(api: Api, search: str) -> list[str]:
    """Return the titles of the leads that a search finds, in alphabetical order."""
    answer = await api.get("/api/leads", search=search)
    assert answer.status_code == 200, answer.text
    found = sorted(lead["title"] for lead in answer.json()["data"])
    assert answer.json()["meta"]["total"] == len(found)
    return found
