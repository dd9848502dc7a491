"""Custom fields on leads: what they take, what a lead shows, what becomes of it (contract, sections 2 and 3)."""

from typing import Any

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors

REQUIRED = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
SHOWN: dict[str, list[tuple[Any, Any]]] = {
    "text": [("blue", "blue"), ("  blue ", "blue"), ("<b>", "<b>")],
    "paragraph": [("one\r\n\ttwo", "one\r\n\ttwo"), ("\nx\n", "x")],
    "number": [(5, 5), ("5", 5), (-3, -3), ("-3", -3), (0, 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))],
    "decimal": [
        (2.5, "2.50"),
        ("2.5", "2.50"),
        (2, "2.00"),
        (0, "0.00"),
        (2.675, "2.68"),
        ("-2.5", "-2.50"),
        (-0.25, "-0.25"),
        (-1234567.891, "-1234567.89"),
    ],
    "date": [("2026-06-15", "2026-06-15")],
    "checkbox": [("on", "on")],
    "dropdown": [("green", "green")],
}
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "text": [
        (5, "The colour field must be a string."),
        ("a\0b", "The colour field contains characters that are not allowed."),
    ],
    "paragraph": [(True, "The colour field must be a string."), ({"a": 1}, "The colour field must be a string.")],
    "number": [(sent, "The colour field must be an integer.") for sent in (3.0, True, "x", " 3", "3.0", 2**63, [3])],
    "decimal": [(sent, "The colour field must be a number.") for sent in ("x", "NaN", "1e3", True, [5], " 1")],
    "date": [(sent, "The colour field must be a valid date.") for sent in ("2026-02-29", "15.06.2026", 20260615)],
    "checkbox": [(sent, "The selected colour is invalid.") for sent in ("off", "yes", "ON", True, 1)],
    "dropdown": [(sent, "The selected colour is invalid.") for sent in ("red", "Blue", 1, ["blue"])],
}


@pytest.mark.parametrize("datatype", SHOWN)
async def test_a_value_is_shown_as_its_datatype_says_by_every_way_of_writing_it(api: Api, datatype: str) -> None:
    await field(api, datatype)

    for sent, shown in SHOWN[datatype]:
        lead = await api.lead(colour=sent)
        replaced = await api.put(f"/api/leads/{lead['id']}", REQUIRED | {"colour": sent})
        patched = await api.patch(f"/api/leads/{lead['id']}", {"colour": sent})

        values = [answer["custom_fields"] for answer in (lead, replaced.json()["data"], patched.json()["data"])]
        assert values == [{"colour": shown}] * 3
        assert (await api.shown(lead["id"]))["custom_fields"] == {"colour": shown}


@pytest.mark.parametrize("datatype", SHOWN)
async def test_a_form_gives_values_as_json_does(api: Api, datatype: str) -> None:
    await field(api, datatype)
    sent, shown = SHOWN[datatype][0]

    answer = await api.post("/api/leads", data=REQUIRED | {"colour": str(sent)})

    assert answer.json()["data"]["custom_fields"] == {"colour": shown}


@pytest.mark.parametrize("datatype", REFUSED)
async def test_another_value_is_refused(api: Api, datatype: str) -> None:
    await field(api, datatype)
    path = f"/api/leads/{(await api.lead())['id']}"

    for sent, text in REFUSED[datatype]:
        created = await api.post("/api/leads", REQUIRED | {"colour": sent})
        replaced = await api.put(path, REQUIRED | {"colour": sent})
        patched = await api.patch(path, {"colour": sent})

        assert [errors(answer) for answer in (created, replaced, patched)] == [{"colour": [text]}] * 3


@pytest.mark.parametrize("datatype", SHOWN)
async def test_an_unset_or_blank_value_is_null(api: Api, datatype: str) -> None:
    await field(api, datatype)

    leads = [await api.lead(), *[await api.lead(colour=empty) for empty in (None, "", "  ")]]

    assert [lead["custom_fields"] for lead in leads] == [{"colour": None}] * 4


async def test_put_clears_what_is_left_out_and_patch_keeps_it(api: Api) -> None:
    await api.custom_field("colour")
    await api.custom_field("size", "number")
    path = f"/api/leads/{(await api.lead(colour='blue', size=5))['id']}"

    after_patch = (await api.patch(path, {"size": 6})).json()["data"]["custom_fields"]
    cleared_by_patch = (await api.patch(path, {"size": None})).json()["data"]["custom_fields"]
    after_put = (await api.put(path, REQUIRED | {"size": 7})).json()["data"]["custom_fields"]

    assert after_patch == {"colour": "blue", "size": 6}
    assert cleared_by_patch == {"colour": "blue", "size": None}
    assert after_put == {"colour": None, "size": 7}


async def test_a_list_shows_the_values_of_each_lead(api: Api) -> None:
    await api.custom_field("colour")
    await api.lead(colour="blue")
    await api.lead()

    listed = (await api.get("/api/leads")).json()["data"]

    assert [lead["custom_fields"] for lead in listed] == [{"colour": None}, {"colour": "blue"}]


async def test_a_new_field_is_null_on_older_leads_and_no_change_of_them(api: Api) -> None:
    lead = await api.lead()

    await api.custom_field("colour", is_required=True)

    assert await api.shown(lead["id"]) == lead | {"custom_fields": {"colour": None}}


@pytest.mark.parametrize("datatype", SHOWN)
async def test_a_required_field_must_be_supplied_and_not_empty(api: Api, datatype: str) -> None:
    path = f"/api/leads/{(await api.lead())['id']}"
    await field(api, datatype, is_required=True)

    bodies: list[Json] = [REQUIRED, *[REQUIRED | {"colour": empty} for empty in (None, "", " ")]]
    answers = [await api.post("/api/leads", body) for body in bodies]
    answers += [await api.put(path, body) for body in bodies]

    assert [errors(answer) for answer in answers] == [{"colour": ["The colour field is required."]}] * 8
    sent, shown = SHOWN[datatype][0]
    assert (await api.lead(colour=sent))["custom_fields"] == {"colour": shown}


async def test_patch_may_leave_out_a_required_field_but_not_clear_it(api: Api) -> None:
    await api.custom_field("colour", is_required=True)
    lead = await api.lead(colour="blue")
    path = f"/api/leads/{lead['id']}"

    changed = await api.patch(path, {"lead_title": "New"})
    refused = [await api.patch(path, {"colour": empty}) for empty in (None, "", " ")]

    assert changed.json()["data"]["custom_fields"] == {"colour": "blue"}
    assert [errors(answer) for answer in refused] == [{"colour": ["The colour field is required."]}] * 3


async def test_a_required_field_that_is_not_on_the_standard_form_may_be_left_out(api: Api) -> None:
    await api.custom_field("colour", is_required=True, on_standard_form=False)

    lead = await api.lead()
    coloured = await api.lead(colour="blue")
    cleared = await api.patch(f"/api/leads/{coloured['id']}", {"colour": None})

    assert lead["custom_fields"] == {"colour": None}
    assert coloured["custom_fields"] == {"colour": "blue"}
    assert cleared.json()["data"]["custom_fields"] == {"colour": None}


async def test_a_field_is_called_by_its_name_in_texts(api: Api) -> None:
    await api.custom_field("lead_custom_field_1", title="Favourite colour", is_required=True)

    answer = await api.post("/api/leads", REQUIRED)

    assert errors(answer) == {"lead_custom_field_1": ["The lead custom field 1 field is required."]}


async def test_a_disabled_field_is_hidden_refused_and_keeps_its_value(api: Api) -> None:
    colour = await api.custom_field("colour", is_required=True)
    path = f"/api/leads/{(await api.lead(colour='blue'))['id']}"

    await api.patch(f"/api/custom-fields/{colour['id']}", {"is_enabled": False})
    hidden = (await api.get(path)).json()["data"]["custom_fields"]
    sent = [await api.post("/api/leads", REQUIRED | {"colour": "red"}), await api.patch(path, {"colour": None})]
    replaced = await api.put(path, REQUIRED)
    await api.patch(f"/api/custom-fields/{colour['id']}", {"is_enabled": True})

    assert hidden == {}
    assert [errors(answer) for answer in sent] == [{"colour": ["The colour field is not recognised."]}] * 2
    assert replaced.json()["data"]["custom_fields"] == {}
    assert (await api.get(path)).json()["data"]["custom_fields"] == {"colour": "blue"}


async def test_a_deleted_field_takes_its_values_with_it(api: Api, database: Database) -> None:
    colour, size = await api.custom_field("colour"), await api.custom_field("size", "number")
    lead = await api.lead(colour="blue", size=5)

    await api.delete(f"/api/custom-fields/{colour['id']}")

    shown = await api.shown(lead["id"])
    document = await database["leads"].find_one({"_id": lead["id"]})
    sent = await api.patch(f"/api/leads/{lead['id']}", {"colour": "red"})
    assert shown["custom_fields"] == {"size": 5}
    assert document is not None
    assert document["custom"] == {str(size["id"]): 5}
    assert errors(sent) == {"colour": ["The colour field is not recognised."]}


async def test_a_new_field_of_a_deleted_ones_name_begins_empty(api: Api) -> None:
    colour = await api.custom_field("colour")
    lead = await api.lead(colour="blue")
    await api.delete(f"/api/custom-fields/{colour['id']}")

    await api.custom_field("colour", "number")

    assert (await api.shown(lead["id"]))["custom_fields"] == {"colour": None}


async def test_an_option_that_is_taken_away_stays_where_it_was_chosen(api: Api) -> None:
    colour = await field(api, "dropdown")
    path = f"/api/leads/{(await api.lead(colour='blue'))['id']}"

    await api.patch(f"/api/custom-fields/{colour['id']}", {"options": ["green", "red"]})
    patched = await api.patch(path, {"lead_title": "New"})
    body = REQUIRED | {"colour": "blue"}
    chosen_anew = [await api.patch(path, body), await api.put(path, body), await api.post("/api/leads", body)]
    new_option = await api.lead(colour="red")

    assert patched.json()["data"]["custom_fields"] == {"colour": "blue"}
    assert (await api.get(path)).json()["data"]["custom_fields"] == {"colour": "blue"}
    assert [errors(answer) for answer in chosen_anew] == [{"colour": ["The selected colour is invalid."]}] * 3
    assert new_option["custom_fields"] == {"colour": "red"}


async def test_faults_of_custom_fields_are_told_with_all_others(api: Api) -> None:
    await api.custom_field("colour", is_required=True)
    await api.custom_field("size", "number")

    answer = await api.post("/api/leads", {"lead_status": 1, "lead_categoryid": 3, "size": "large", "weight": 1})

    assert errors(answer) == {
        "lead_title": ["The lead title field is required."],
        "colour": ["The colour field is required."],
        "size": ["The size field must be an integer."],
        "weight": ["The weight field is not recognised."],
    }


async def field(api: Api, datatype: str, **fields: Any) -> Json:
    """Create a custom field `colour` of a datatype."""
    options = {"options": ["blue", "green"]} if datatype == "dropdown" else {}
    return await api.custom_field("colour", datatype, **options, **fields)
