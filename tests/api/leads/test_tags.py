"""PUT /api/leads/{id}/tags (contract, "Status, assigned, tags, archive, activate")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors


async def _tag(api: Api, lead: Json, *tags: Any) -> list[str]:
    answer = await api.put(f"/api/leads/{lead['id']}/tags", {"tags": list(tags)})
    assert answer.status_code == 200, answer.text
    tagged: list[str] = answer.json()["data"]["tags"]
    return tagged


async def test_the_tags_are_replaced_as_a_whole(api: Api) -> None:
    lead = await api.lead()
    await _tag(api, lead, "old", "older")

    assert await _tag(api, lead, "new") == ["new"]
    assert (await api.shown(lead["id"]))["tags"] == ["new"]


async def test_an_empty_array_clears(api: Api) -> None:
    lead = await api.lead()
    await _tag(api, lead, "old")

    assert await _tag(api, lead) == []
    assert (await api.shown(lead["id"]))["tags"] == []


async def test_tags_are_trimmed_and_keep_their_order_and_case(api: Api) -> None:
    lead = await api.lead()

    assert await _tag(api, lead, "  zebra ", "Apple", "\tmid point\n") == ["zebra", "Apple", "mid point"]


async def test_repeats_in_any_case_collapse_to_the_first(api: Api) -> None:
    lead = await api.lead()

    answered = await _tag(api, lead, "Hot", "cold", "HOT", " hot ", "Cold", "STRASSE", "straße")

    assert answered == ["Hot", "cold", "STRASSE"]
    assert (await api.shown(lead["id"]))["tags"] == answered


async def test_tags_are_kept_as_they_were_sent_markup_and_all(api: Api) -> None:
    lead = await api.lead()

    assert await _tag(api, lead, "<b>&amp;", "$set", "été 🌞") == ["<b>&amp;", "$set", "été 🌞"]


@pytest.mark.parametrize("body", [{}, {"tags": None}])
async def test_tags_must_be_present(api: Api, body: Json) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/tags", body)

    assert errors(answer) == {"tags": ["The tags field must be present."]}


@pytest.mark.parametrize("value", ["hot", 1, {"0": "hot"}, False])
async def test_tags_must_be_an_array(api: Api, value: Any) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/tags", {"tags": value})

    assert errors(answer) == {"tags": ["The tags field must be an array."]}


async def test_faults_of_the_items_are_told_by_their_place_and_no_tag_is_set(api: Api) -> None:
    lead = await api.lead()

    answer = await api.put(
        f"/api/leads/{lead['id']}/tags", {"tags": ["fine", 5, ["hot"], "x" * 101, "a\u0000b", " ", None]}
    )

    assert errors(answer) == {
        "tags.1": ["The tags.1 field must be a string."],
        "tags.2": ["The tags.2 field must be a string."],
        "tags.3": ["The tags.3 field must not be greater than 100 characters."],
        "tags.4": ["The tags.4 field contains characters that are not allowed."],
        "tags.5": ["The tags.5 field is required."],
        "tags.6": ["The tags.6 field is required."],
    }
    assert await api.shown(lead["id"]) == lead


async def test_a_tag_may_have_a_hundred_characters_after_trimming(api: Api) -> None:
    lead = await api.lead()

    assert await _tag(api, lead, f"  {'é' * 100}  ") == ["é" * 100]


async def test_a_lead_may_have_a_hundred_tags_and_no_more(api: Api) -> None:
    lead = await api.lead()
    hundred = [f"tag {n}" for n in range(100)]

    taken = await _tag(api, lead, *hundred)
    refused = await api.put(f"/api/leads/{lead['id']}/tags", {"tags": [*hundred, "one more"]})

    assert taken == hundred
    assert errors(refused) == {"tags": ["The tags field must not have more than 100 items."]}
    assert (await api.shown(lead["id"]))["tags"] == hundred


@pytest.mark.parametrize("name", ["tags[]", "tags"])
async def test_tags_are_taken_from_a_form(api: Api, name: str) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/tags", data={name: ["hot", "été"]})

    assert answer.json()["data"]["tags"] == ["hot", "été"]


@pytest.mark.parametrize("name", ["tags[]", "tags"])
async def test_one_tag_of_a_form_is_an_array_too(api: Api, name: str) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/tags", data={name: "hot"})

    assert answer.json()["data"]["tags"] == ["hot"]


async def test_one_empty_value_in_a_form_clears(api: Api) -> None:
    lead = await api.lead()
    await _tag(api, lead, "hot")

    answer = await api.put(f"/api/leads/{lead['id']}/tags", data={"tags[]": ""})

    assert answer.status_code == 200
    assert answer.json()["data"]["tags"] == []


async def test_a_tag_finds_the_lead_in_any_case_until_it_is_taken_away(api: Api) -> None:
    lead = await api.lead()
    await _tag(api, lead, "Hot")

    tagged = (await api.get("/api/leads", tag="hOT")).json()["data"]
    await _tag(api, lead, "cold")
    untagged = (await api.get("/api/leads", tag="hot")).json()["data"]

    assert [one["id"] for one in tagged] == [lead["id"]]
    assert untagged == []
