"""Definitions of custom fields (contract, section 4)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

FIELDS = "/api/custom-fields"
COLOUR = {"name": "colour", "title": "Colour", "datatype": "text"}
NOT_ALLOWED = ["The name field contains characters that are not allowed."]


async def test_a_new_field_is_enabled_on_the_form_and_last(api: Api) -> None:
    answer = await api.post(FIELDS, COLOUR)

    assert answer.json()["data"] == {
        "id": 1,
        "name": "colour",
        "title": "Colour",
        "type": "leads",
        "datatype": "text",
        "options": [],
        "is_required": False,
        "is_enabled": True,
        "on_standard_form": True,
        "position": 1,
    }


async def test_every_property_can_be_given_and_all_but_two_changed(api: Api) -> None:
    first: Json = {
        "name": "size",
        "title": "Size",
        "datatype": "dropdown",
        "options": [" S ", "M"],
        "is_required": True,
        "is_enabled": False,
        "on_standard_form": False,
        "position": 9,
    }
    changes: Json = {
        "title": "Sizes",
        "options": ["L"],
        "is_required": False,
        "is_enabled": True,
        "on_standard_form": True,
        "position": 4,
    }

    created = await api.post(FIELDS, first)
    changed = await api.patch(f"{FIELDS}/1", changes)

    assert created.json()["data"] == first | {"id": 1, "type": "leads", "options": ["S", "M"]}
    assert changed.json()["data"] == first | changes | {"id": 1, "type": "leads"}


async def test_a_form_sends_arrays_and_booleans_in_its_own_way(api: Api) -> None:
    field = {"name": "size", "title": "Size", "datatype": "dropdown", "position": "3"}

    brackets = await api.post(FIELDS, data=field | {"options[]": ["S", "M"], "is_required": "yes", "is_enabled": "off"})
    bare = await api.post(
        FIELDS, data=field | {"name": "cut", "options": "S", "is_required": "0", "on_standard_form": "no"}
    )

    first, second = brackets.json()["data"], bare.json()["data"]
    assert (first["options"], first["is_required"], first["is_enabled"]) == (["S", "M"], True, False)
    assert (second["options"], second["is_required"], second["on_standard_form"]) == (["S"], False, False)
    assert first["position"] == 3


@pytest.mark.parametrize("name", ["a", "x1", "lead_custom_field_1", "a" * 64, "a__"])
async def test_a_name_of_small_letters_digits_and_underscores_is_taken(api: Api, name: str) -> None:
    answer = await api.post(FIELDS, COLOUR | {"name": name})

    assert answer.status_code == 201
    assert answer.json()["data"]["name"] == name


@pytest.mark.parametrize("name", ["Colour", "1a", "_a", "a-b", "a b", "a.b", "$a", "é", "a\nb", "a[]"])
async def test_a_name_of_another_form_is_refused(untouched: Api, name: str) -> None:
    answer = await untouched.post(FIELDS, COLOUR | {"name": name})

    assert errors(answer) == {"name": NOT_ALLOWED}


@pytest.mark.parametrize(
    "name", ["lead_title", "lead_status", "lead_categoryid", "lead_value", "lead_zip", "lead_email"]
)
async def test_a_field_that_leads_have_already_cannot_be_made_again(untouched: Api, name: str) -> None:
    answer = await untouched.post(FIELDS, COLOUR | {"name": name})

    assert errors(answer).keys() == {"name"}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (
            {},
            {
                "name": ["The name field is required."],
                "title": ["The title field is required."],
                "datatype": ["The datatype field is required."],
            },
        ),
        (COLOUR | {"name": "a" * 65}, {"name": ["The name field must not be greater than 64 characters."]}),
        (COLOUR | {"title": " "}, {"title": ["The title field is required."]}),
        (COLOUR | {"datatype": "blob"}, {"datatype": ["The selected datatype is invalid."]}),
        (COLOUR | {"datatype": "dropdown"}, {"options": ["The options field is required."]}),
        (COLOUR | {"datatype": "dropdown", "options": []}, {"options": ["The options field is required."]}),
        (COLOUR | {"datatype": "dropdown", "options": None}, {"options": ["The options field is required."]}),
        (COLOUR | {"datatype": "dropdown", "options": "S"}, {"options": ["The options field must be an array."]}),
        (
            COLOUR | {"datatype": "dropdown", "options": ["S", 5, " ", None]},
            {
                "options.1": ["The options.1 field must be a string."],
                "options.2": ["The options.2 field is required."],
                "options.3": ["The options.3 field is required."],
            },
        ),
        (COLOUR | {"position": "1.5"}, {"position": ["The position field must be an integer."]}),
        (COLOUR | {"type": "leads"}, {"type": ["The type field is not recognised."]}),
    ],
)
async def test_faults_are_told(untouched: Api, body: Json, faults: Any) -> None:
    answer = await untouched.post(FIELDS, body)

    assert errors(answer) == faults
    assert (await untouched.get(FIELDS)).json()["data"] == []


@pytest.mark.parametrize("name", ["is_required", "is_enabled", "on_standard_form"])
@pytest.mark.parametrize("value", ["maybe", 2, [True]])
async def test_a_flag_is_true_or_false(untouched: Api, name: str, value: object) -> None:
    answer = await untouched.post(FIELDS, COLOUR | {name: value})

    assert errors(answer).keys() == {name}


@pytest.mark.parametrize("options", [[], None, ""])
async def test_a_dropdown_cannot_lose_all_its_options(api: Api, options: object) -> None:
    field = await api.custom_field("size", "dropdown", options=["S"])

    answer = await api.patch(f"{FIELDS}/{field['id']}", {"options": options})

    assert errors(answer) == {"options": ["The options field is required."]}
    assert (await api.get(f"{FIELDS}/{field['id']}")).json()["data"] == field


@pytest.mark.parametrize("changes", [{"name": "hue"}, {"datatype": "number"}, {"name": "colour"}])
async def test_name_and_datatype_cannot_be_changed(api: Api, changes: Json) -> None:
    field = await api.custom_field("colour")

    answer = await api.patch(f"{FIELDS}/{field['id']}", changes | {"title": "Hue"})

    assert errors(answer).keys() == changes.keys()
    assert (await api.get(f"{FIELDS}/{field['id']}")).json()["data"] == field


async def test_a_name_is_taken_even_by_a_disabled_field(api: Api) -> None:
    await api.custom_field("colour", is_enabled=False)

    answer = await api.post(FIELDS, COLOUR | {"title": "Another"})

    assert errors(answer) == {"name": ["The name has already been taken."]}


async def test_fields_are_listed_by_position_then_id_disabled_ones_too(api: Api) -> None:
    await api.custom_field("last", position=9)
    await api.custom_field("first", position=1, is_enabled=False)
    await api.custom_field("beside", position=1)
    await api.custom_field("behind")

    answer = await api.get(FIELDS)

    assert [field["name"] for field in answer.json()["data"]] == ["first", "beside", "last", "behind"]
    assert list((await api.lead())["custom_fields"]) == ["beside", "last", "behind"]


@pytest.mark.parametrize("datatype", ["text", "paragraph", "number", "decimal", "date", "checkbox"])
async def test_only_a_dropdown_takes_options(api: Api, datatype: str) -> None:
    field = {"name": "choice", "title": "Choice", "datatype": datatype}
    text = "The options field must be empty unless the datatype is dropdown."

    refused = await api.post("/api/custom-fields", field | {"options": ["a"]})
    made = await api.post("/api/custom-fields", field | {"options": []})
    changed = await api.patch(f"/api/custom-fields/{made.json()['data']['id']}", {"options": ["a"]})
    cleared = await api.patch(f"/api/custom-fields/{made.json()['data']['id']}", {"options": None})

    assert errors(refused) == errors(changed) == {"options": [text]}
    assert (made.status_code, cleared.status_code) == (201, 200)


async def test_options_are_distinct_in_any_case(api: Api) -> None:
    field = {"name": "choice", "title": "Choice", "datatype": "dropdown"}
    fault = {f"options.{n}": [f"The options.{n} field has a duplicate value."] for n in (1, 2, 4)}
    options = ["a", " A ", "a", "Cafe\u0301", "caf\u00c9"]

    refused = await api.post("/api/custom-fields", field | {"options": options})
    made = await api.post("/api/custom-fields", field | {"options": ["a", "b"]})
    changed = await api.patch(f"/api/custom-fields/{made.json()['data']['id']}", {"options": options})

    assert errors(refused) == errors(changed) == fault
