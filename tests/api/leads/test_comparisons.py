"""Which texts are the same to filters, tags and the sort by title (contract, "Comparisons", "Lengths", "List")."""

from typing import Any
from unicodedata import normalize

import pytest

from tests.client import Api, errors

NFC, NFD = "Café", "Cafe\u0301"
SORTED = [
    "“Acme”", "angstrom", "Ångström", "Art", "Ärzte", "As", "école", "Edge", "Łódź", "Lorry", "Ødegaard", "œuvre",
    "Olsen", "Straße", "strasse", "Strategy", "ＺＯＯ", "zoo 2", "Яна",
]  # fmt: skip
"""Titles in their order. Of those with the same letters, the test creates the first one first."""


async def test_a_tag_in_two_spellings_is_one_tag_and_stays_as_the_first_was_sent(api: Api) -> None:
    lead = await api.lead()

    answered = [
        (await api.put(f"/api/leads/{lead['id']}/tags", {"tags": tags})).json()["data"]["tags"]
        for tags in ([NFD, NFC, NFC.upper()], [NFC, NFD], ["한", normalize("NFD", "한")], ["Cafe", NFC])
    ]

    assert answered == [[NFD], [NFC], ["한"], ["Cafe", NFC]]


@pytest.mark.parametrize("sent", [NFC, NFD])
async def test_filters_find_either_spelling_in_any_case(api: Api, sent: str) -> None:
    lead = await api.lead(lead_source=sent, lead_email=f"{sent}@x.example")
    await api.lead(lead_source="Cafe", lead_email="cafe@x.example")
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [sent]})

    for spelled in (NFC, NFD, NFC.upper(), NFD.upper()):
        for filters in ({"source": spelled}, {"tag": spelled}, {"email": f"{spelled}@X.example"}):
            assert await ids(api, **filters) == [lead["id"]], filters

    shown = await api.shown(lead["id"])
    assert (shown["source"], shown["tags"], shown["contact"]["email"]) == (sent, [sent], f"{sent}@x.example")


async def test_sources_and_tags_are_case_folded_and_emails_are_not(api: Api) -> None:
    lead = await api.lead(lead_source="Straße", lead_email="A@Straße.example")
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["Straße"]})

    found = {
        name: [await ids(api, **{name: value}) for value in values]
        for name, values in {
            "source": ("STRASSE", "straße"),
            "tag": ("STRASSE", "straße"),
            "email": ("a@STRASSE.example", "a@STRAßE.example", "a@xn--strae-oqa.example"),
        }.items()
    }

    one, none = [lead["id"]], list[int]()
    assert found == {"source": [one, one], "tag": [one, one], "email": [none, one, none]}


async def test_an_email_of_a_client_is_found_in_either_spelling_and_is_taken_in_both(api: Api) -> None:
    first, second, third = [await api.lead() for _ in range(3)]
    client = await api.client(first["id"], email=f"{NFD}@x.example")
    await api.client(second["id"], email="a@straße.example")

    taken = await api.post(
        f"/api/leads/{third['id']}/convert", {"first_name": "J", "last_name": "D", "email": f"{NFC.upper()}@x.example"}
    )
    other = await api.client(third["id"], email="a@strasse.example")  # another domain

    assert errors(taken) == {"email": ["The email has already been taken."]}
    for email, one in ((f"{NFC}@x.example", client), ("A@STRASSE.example", other)):
        answer = await api.get("/api/clients", email=email)
        assert [found["id"] for found in answer.json()["data"]] == [one["id"]]


async def test_titles_are_sorted_by_their_letters_then_by_id(api: Api) -> None:
    created = {title: (await api.lead(lead_title=title))["id"] for title in sorted(SORTED)}
    expected = [created[title] for title in SORTED]

    for order, whole in (("asc", expected), ("desc", expected[::-1])):
        assert await ids(api, sort="lead_title", order=order, limit=100) == whole
        assert await walked(api, sort="lead_title", order=order, limit=2) == whole


async def test_a_renamed_lead_and_a_clone_are_sorted_by_their_own_titles(api: Api) -> None:
    lead, other = await api.lead(lead_title="Zebra"), await api.lead(lead_title="Bär")
    await api.patch(f"/api/leads/{lead['id']}", {"lead_title": "Ärzte"})
    clone = await api.post(f"/api/leads/{lead['id']}/clone", {"lead_title": "Ćwiek", "lead_status": 1})

    assert await ids(api, sort="lead_title", order="asc") == [lead["id"], other["id"], clone.json()["data"]["id"]]


async def test_lengths_count_the_characters_of_the_nfc_form(api: Api) -> None:
    title = "e\u0301" * 250
    lead = await api.lead(lead_title=title)
    two_each = "\u0958"  # its NFC form is two characters

    fitting = await api.patch(f"/api/leads/{lead['id']}", {"lead_title": two_each * 125})
    long = [await api.patch(f"/api/leads/{lead['id']}", {"lead_title": text}) for text in (title + "e", two_each * 126)]

    assert lead["title"] == title
    assert fitting.json()["data"]["title"] == two_each * 125
    for answer in long:
        assert errors(answer) == {"lead_title": ["The lead title field must not be greater than 250 characters."]}


async def ids(api: Api, **params: Any) -> list[int]:
    """Return the ids of a list, in its order."""
    answer = await api.get("/api/leads", **params)
    assert answer.status_code == 200, answer.text
    return [lead["id"] for lead in answer.json()["data"]]


async def walked(api: Api, **params: Any) -> list[int]:
    """Return the ids of all pages by cursor."""
    found, cursor = list[int](), "*"
    while cursor:
        answer = (await api.get("/api/leads", cursor=cursor, **params)).json()
        found += [lead["id"] for lead in answer["data"]]
        cursor = answer["meta"]["next_cursor"]
    return found
