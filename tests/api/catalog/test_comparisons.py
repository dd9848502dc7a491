"""Which titles, names, e-mails and options of settings are the same (contract, "Comparisons" and section 4)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

NFC, NFD = "Café", "Cafe\u0301"
TAKEN = {
    "/api/lead-statuses": lambda text: {"title": text},
    "/api/categories": lambda text: {"name": text, "type": "lead"},
    "/api/team": lambda text: {"first_name": "Sam", "last_name": "Lee", "email": f"{text}@crm.example"},
}


@pytest.mark.parametrize("path", TAKEN)
@pytest.mark.parametrize("first", [NFC, NFD])
async def test_what_is_unique_is_unique_in_both_spellings_and_stays_as_sent(api: Api, path: str, first: str) -> None:
    body: Any = TAKEN[path]
    name = "email" if path == "/api/team" else next(iter(body("")))

    created = await api.post(path, body(first))
    other = (await api.post(path, body("Cafe"))).json()["data"]
    refused = [await api.post(path, body(spelled)) for spelled in (NFC, NFD, NFC.upper(), NFD.upper())]
    refused += [await api.patch(f"{path}/{other['id']}", {name: body(spelled)[name]}) for spelled in (NFC, NFD)]
    same = await api.patch(f"{path}/{created.json()['data']['id']}", {name: body(NFD)[name]})

    assert created.json()["data"][name] == body(first)[name]
    for answer in refused:
        assert errors(answer) == {name: [f"The {name} has already been taken."]}
    assert same.json()["data"][name] == body(NFD)[name]


async def test_titles_and_names_are_case_folded_and_emails_are_not(api: Api) -> None:
    await api.status("Straße")
    await api.category("Straße")
    await api.member(email="sam@straße.example")
    member: Json = {"first_name": "Sam", "last_name": "Lee"}

    status = await api.post("/api/lead-statuses", {"title": "STRASSE"})
    category = await api.post("/api/categories", {"name": "STRASSE", "type": "lead"})
    other_domain = await api.post("/api/team", member | {"email": "sam@strasse.example"})
    same_domain = await api.post("/api/team", member | {"email": "SAM@STRAßE.example"})

    assert (status.status_code, category.status_code) == (422, 422)
    assert other_domain.status_code == 201
    assert errors(same_domain) == {"email": ["The email has already been taken."]}


async def test_options_of_a_field_are_distinct_in_both_spellings(api: Api) -> None:
    body = {"name": "place", "title": "Place", "datatype": "dropdown"}

    refused = await api.post("/api/custom-fields", body | {"options": [NFC, "Cafe", NFD.upper()]})
    created = await api.post("/api/custom-fields", body | {"options": [NFD, "Cafe"]})

    assert errors(refused) == {"options.2": ["The options.2 field has a duplicate value."]}
    assert created.json()["data"]["options"] == [NFD, "Cafe"]
