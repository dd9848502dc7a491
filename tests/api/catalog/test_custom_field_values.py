"""Values of custom fields on leads (contract, sections 2, 3 "Create, PUT, PATCH" and 4)."""

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors

FIELDS = "/api/custom-fields"
LEAD: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


async def values(api: Api, lead: Json) -> Json:
    shown: Json = (await api.shown(lead["id"]))["custom_fields"]
    return shown


@pytest.mark.parametrize(
    ("datatype", "sent", "shown"),
    [
        ("text", " blue ", "blue"),
        ("text", "x" * 250, "x" * 250),
        ("paragraph", "line\nline <b>", "line\nline <b>"),
        ("number", 7, 7),
        ("number", "-7", -7),
        ("number", 2**63 - 1, 2**63 - 1),
        ("number", 0, 0),
        ("decimal", 2.5, "2.50"),
        ("decimal", "2.675", "2.68"),
        ("decimal", -2.5, "-2.50"),
        ("decimal", "-0.05", "-0.05"),
        ("decimal", 3, "3.00"),
        ("decimal", 0, "0.00"),
        ("date", "2026-06-15", "2026-06-15"),
        ("checkbox", "on", "on"),
        ("checkbox", None, None),
        ("dropdown", "M", "M"),
        ("text", "  ", None),
        ("number", "", None),
        ("dropdown", None, None),
    ],
)
async def test_a_value_is_shown_as_its_datatype_is(api: Api, datatype: str, sent: object, shown: object) -> None:
    await api.custom_field("extra", datatype, options=["S", "M"] if datatype == "dropdown" else [])

    lead = await api.lead(extra=sent)

    assert lead["custom_fields"] == {"extra": shown}
    assert await values(api, lead) == {"extra": shown}


@pytest.mark.parametrize(
    ("datatype", "sent", "fault"),
    [
        ("text", 5, "The extra 1 field must be a string."),
        ("text", "a\x02b", "The extra 1 field contains characters that are not allowed."),
        ("paragraph", ["x"], "The extra 1 field must be a string."),
        ("number", 7.0, "The extra 1 field must be an integer."),
        ("number", "7.0", "The extra 1 field must be an integer."),
        ("number", 2**63, "The extra 1 field must be an integer."),
        ("number", True, "The extra 1 field must be an integer."),
        ("decimal", "two", "The extra 1 field must be a number."),
        ("decimal", "NaN", "The extra 1 field must be a number."),
        ("decimal", True, "The extra 1 field must be a number."),
        ("date", "2026-02-30", "The extra 1 field must be a valid date."),
        ("date", "15.06.2026", "The extra 1 field must be a valid date."),
        ("date", "2026-06-15T00:00:00Z", "The extra 1 field must be a valid date."),
        ("checkbox", "off", "The selected extra 1 is invalid."),
        ("checkbox", True, "The selected extra 1 is invalid."),
        ("dropdown", "XL", "The selected extra 1 is invalid."),
        ("dropdown", "m", "The selected extra 1 is invalid."),
    ],
)
async def test_a_value_of_another_datatype_is_refused(api: Api, datatype: str, sent: object, fault: str) -> None:
    await api.custom_field("extra_1", datatype, options=["S", "M"] if datatype == "dropdown" else [])

    answer = await api.post("/api/leads", LEAD | {"extra_1": sent})

    assert errors(answer) == {"extra_1": [fault]}


async def test_a_form_sends_values_as_strings(api: Api) -> None:
    for name, datatype in [("n", "number"), ("d", "decimal"), ("c", "checkbox")]:
        await api.custom_field(name, datatype)

    answer = await api.post("/api/leads", data=LEAD | {"n": "3", "d": "2.5", "c": "on"})

    assert answer.json()["data"]["custom_fields"] == {"n": 3, "d": "2.50", "c": "on"}


async def test_a_new_field_is_null_on_leads_that_were_there(api: Api) -> None:
    lead = await api.lead()

    await api.custom_field("colour")

    shown = await api.shown(lead["id"])
    assert shown["custom_fields"] == {"colour": None}
    assert shown["version"] == lead["version"]


async def test_a_required_field_must_be_supplied_and_not_be_cleared(api: Api) -> None:
    await api.custom_field("colour", is_required=True)
    lead = await api.lead(colour="blue")
    path, fault = f"/api/leads/{lead['id']}", {"colour": ["The colour field is required."]}

    absent = await api.post("/api/leads", LEAD)
    blank = await api.post("/api/leads", LEAD | {"colour": " "})
    replaced = await api.put(path, LEAD)
    cleared = await api.patch(path, {"colour": None})
    untouched = await api.patch(path, {"lead_title": "New"})

    assert [errors(answer) for answer in (absent, blank, replaced, cleared)] == [fault] * 4
    assert untouched.json()["data"]["custom_fields"] == {"colour": "blue"}


@pytest.mark.parametrize("changes", [{"on_standard_form": False}, {"is_enabled": False}, {"is_required": False}])
async def test_a_field_is_required_only_while_enabled_on_the_form_and_marked(api: Api, changes: Json) -> None:
    field = await api.custom_field("colour", is_required=True)
    await api.patch(f"{FIELDS}/{field['id']}", changes)

    answer = await api.post("/api/leads", LEAD)

    assert answer.status_code == 201


async def test_put_clears_and_patch_keeps_what_is_left_out(api: Api) -> None:
    await api.custom_field("colour")
    lead = await api.lead(colour="blue")

    patched = await api.patch(f"/api/leads/{lead['id']}", {"lead_title": "New"})
    replaced = await api.put(f"/api/leads/{lead['id']}", LEAD)

    assert patched.json()["data"]["custom_fields"] == {"colour": "blue"}
    assert replaced.json()["data"]["custom_fields"] == {"colour": None}


async def test_a_disabled_field_is_hidden_and_refused_and_keeps_its_value(api: Api) -> None:
    field = await api.custom_field("colour")
    lead = await api.lead(colour="blue")
    path = f"/api/leads/{lead['id']}"
    await api.patch(f"{FIELDS}/{field['id']}", {"is_enabled": False})

    hidden = await values(api, lead)
    refused = await api.patch(path, {"colour": "red"})
    await api.put(path, LEAD)
    await api.patch(f"{FIELDS}/{field['id']}", {"is_enabled": True})

    assert hidden == {}
    assert errors(refused) == {"colour": ["The colour field is not recognised."]}
    assert await values(api, lead) == {"colour": "blue"}


async def test_a_deleted_field_takes_its_values_with_it(api: Api, database: Database) -> None:
    field = await api.custom_field("colour")
    await api.custom_field("size")
    lead = await api.lead(colour="blue", size="L")

    await api.delete(f"{FIELDS}/{field['id']}")
    refused = await api.patch(f"/api/leads/{lead['id']}", {"colour": "red"})
    again = await api.custom_field("colour", "number")

    assert errors(refused) == {"colour": ["The colour field is not recognised."]}
    assert again["id"] > field["id"]
    assert await values(api, lead) == {"size": "L", "colour": None}
    document = await database["leads"].find_one({"_id": lead["id"]})
    assert document is not None
    assert "blue" not in str(document)


async def test_a_deleted_fields_values_are_gone_from_disabled_ones_too(api: Api, database: Database) -> None:
    field = await api.custom_field("colour")
    lead = await api.lead(colour="blue")
    await api.patch(f"{FIELDS}/{field['id']}", {"is_enabled": False})

    await api.delete(f"{FIELDS}/{field['id']}")

    document = await database["leads"].find_one({"_id": lead["id"]})
    assert document is not None
    assert "blue" not in str(document)


async def test_an_option_that_was_taken_away_stays_where_it_was_chosen(api: Api) -> None:
    field = await api.custom_field("size", "dropdown", options=["S", "M"])
    lead = await api.lead(size="S")
    path = f"/api/leads/{lead['id']}"

    await api.patch(f"{FIELDS}/{field['id']}", {"options": ["M", "L"]})
    kept = await api.patch(path, {"lead_title": "New"})
    refused = await api.patch(path, {"size": "S"})
    new = await api.patch(path, {"size": "L"})

    assert kept.json()["data"]["custom_fields"] == {"size": "S"}
    assert errors(refused) == {"size": ["The selected size is invalid."]}
    assert new.json()["data"]["custom_fields"] == {"size": "L"}
