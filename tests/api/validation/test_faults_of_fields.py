"""What is said of a bad field, word for word (contract, section 1, from "422's `message`" on)."""

from typing import Any

import pytest

from tests.api.endpoints import WITH_FORM
from tests.client import Api, Json, errors

REQUIRED: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
NOT_ALLOWED = "The {} field contains characters that are not allowed."


async def faults(api: Api, **fields: Any) -> dict[str, list[str]]:
    """Return the faults of a new lead with these fields."""
    return errors(await api.post("/api/leads", REQUIRED | fields))


TEXTS = [
    ("lead_title", 1, "The lead title field must be a string."),
    ("lead_title", True, "The lead title field must be a string."),
    ("lead_title", ["a"], "The lead title field must be a string."),
    ("lead_title", {"$gt": ""}, "The lead title field must be a string."),
    ("lead_title", "x" * 251, "The lead title field must not be greater than 250 characters."),
    ("lead_title", "", "The lead title field is required."),
    ("lead_title", " \t\n\u2003", "The lead title field is required."),
    ("lead_title", None, "The lead title field is required."),
    ("lead_title", "a\x00b", "The lead title field contains characters that are not allowed."),
    ("lead_status", "new", "The lead status field must be an integer."),
    ("lead_status", 99, "The selected lead status is invalid."),
    ("lead_status", 0, "The selected lead status is invalid."),
    ("lead_status", -1, "The selected lead status is invalid."),
    ("lead_status", None, "The lead status field is required."),
    ("lead_categoryid", 99, "The selected lead categoryid is invalid."),
    ("lead_categoryid", 2, "The selected lead categoryid is invalid."),
    ("lead_categoryid", 3.5, "The lead categoryid field must be an integer."),
    ("lead_firstname", "x" * 101, "The lead firstname field must not be greater than 100 characters."),
    ("lead_email", "nobody", "The lead email field must be a valid email address."),
    ("lead_email", 1, "The lead email field must be a string."),
    ("lead_value", "much", "The lead value field must be a number."),
    ("lead_value", -1, "The lead value field must be at least 0."),
    ("lead_value", 100_000_000, "The lead value field must not be greater than 99999999.99."),
    ("lead_last_contacted", "15.06.2026", "The lead last contacted field must be a valid date."),
    ("lead_description", "x" * 65_001, "The lead description field must not be greater than 65000 characters."),
    ("lead_titel", "x", "The lead titel field is not recognised."),
    ("lead_titel", None, "The lead titel field is not recognised."),
    ("custom_fields", {}, "The custom fields field is not recognised."),
    ("id", 7, "The id field is not recognised."),
]


async def test_each_fault_has_its_text(shared: Api) -> None:
    found = [(field, value, (await faults(shared, **{field: value})).get(field)) for field, value, _ in TEXTS]

    assert found == [(field, value, [text]) for field, value, text in TEXTS]


async def test_only_the_field_at_fault_is_named(shared: Api) -> None:
    for field, value, _ in TEXTS:
        assert list(await faults(shared, **{field: value})) == [field]


LENGTHS = {
    "lead_title": 250, "lead_firstname": 100, "lead_lastname": 100, "lead_phone": 150, "lead_company_name": 150,
    "lead_job_position": 150, "lead_website": 150, "lead_source": 150, "lead_description": 65_000, "lead_street": 150,
    "lead_city": 150, "lead_state": 150, "lead_zip": 150, "lead_country": 150,
}  # fmt: skip


async def test_lengths_count_characters_after_trimming(shared: Api) -> None:
    fitting = {name: f" \n{'é' * (length - 1)}\U0001f600\u3000" for name, length in LENGTHS.items()}
    longer = {name: "\U0001f600" * (length + 1) for name, length in LENGTHS.items()}

    taken = await shared.post("/api/leads", REQUIRED | fitting)
    refused = await faults(shared, **longer)

    assert taken.status_code == 201
    assert taken.json()["data"]["title"] == "é" * 249 + "\U0001f600"
    assert refused == {
        name: [f"The {name.replace('_', ' ')} field must not be greater than {length} characters."]
        for name, length in LENGTHS.items()
    }


async def test_text_is_stored_as_sent_but_for_outer_white_space(shared: Api) -> None:
    sent = "  <script>&amp;\t\"x\"\r\n 'y'  e\u0301 \u202e\u200b$where {}  "

    lead = await shared.lead(lead_title=sent)

    assert (await shared.shown(lead["id"]))["title"] == sent.strip()


async def test_control_characters_are_refused_but_for_tab_line_feed_and_carriage_return(shared: Api) -> None:
    allowed = {"\t", "\n", "\r"}
    controls = [chr(code) for code in [*range(0x20), 0x7F]]

    statuses = {
        control: (await shared.post("/api/leads", REQUIRED | {"lead_description": f"a{control}b"})).status_code
        for control in controls
    }

    assert statuses == {control: 201 if control in allowed else 422 for control in controls}


async def test_items_of_an_array_are_keyed_and_called_by_their_places(api: Api) -> None:
    lead, sam = await api.lead(), await api.member()
    assigned: list[Any] = [sam["id"], "x", 99, None, 3.0, True, [1], {"$ne": 1}]
    tags: list[Any] = ["ok", 1, "x" * 101, "", "a\x00", None, ["b"]]

    of_assigned = errors(await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": assigned}))
    of_tags = errors(await api.put(f"/api/leads/{lead['id']}/tags", {"tags": tags}))

    assert of_assigned == {
        "assigned.1": ["The assigned.1 field must be an integer."],
        "assigned.2": ["The selected assigned.2 is invalid."],
        "assigned.3": ["The assigned.3 field is required."],
        "assigned.4": ["The assigned.4 field must be an integer."],
        "assigned.5": ["The assigned.5 field must be an integer."],
        "assigned.6": ["The assigned.6 field must be an integer."],
        "assigned.7": ["The assigned.7 field must be an integer."],
    }
    assert of_tags == {
        "tags.1": ["The tags.1 field must be a string."],
        "tags.2": ["The tags.2 field must not be greater than 100 characters."],
        "tags.3": ["The tags.3 field is required."],
        "tags.4": [NOT_ALLOWED.format("tags.4")],
        "tags.5": ["The tags.5 field is required."],
        "tags.6": ["The tags.6 field must be a string."],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "must be an array."),
        (1, "must be an array."),
        ({"0": "a"}, "must be an array."),
        (["a"] * 101, "must not have more than 100 items."),
        (None, "must be present."),
    ],
)
async def test_an_array_that_is_none_or_too_long_is_refused(shared: Api, value: Any, text: str) -> None:
    lead = await shared.lead()

    for name in ("tags", "assigned"):
        answer = await shared.put(f"/api/leads/{lead['id']}/{name}", {name: value})
        assert errors(answer) == {name: [f"The {name} field {text}"]}


async def test_a_value_outside_an_enumeration_is_called_invalid(api: Api) -> None:
    lead, item = await api.lead(), await api.item((await api.lead())["id"])
    choices = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    selections: list[tuple[str, str, Json, str]] = [
        ("POST", f"/api/leads/{lead['id']}/convert", choices | {"delete_lead": "YES"}, "delete_lead"),
        ("POST", f"/api/leads/{lead['id']}/convert", choices | {"send_welcome_email": True}, "send_welcome_email"),
        ("POST", f"/api/leads/{lead['id']}/clone", REQUIRED | {"copy_files": "yes"}, "copy_files"),
        ("PUT", f"/api/checklists/{item['id']}/status", {"status": "done"}, "status"),
        ("POST", "/api/categories", {"name": "X", "type": "project"}, "type"),
        ("PATCH", "/api/team/1", {"status": "asleep"}, "status"),
        ("POST", "/api/custom-fields", {"name": "x", "title": "X", "datatype": "blob"}, "datatype"),
    ]

    for method, path, body, field in selections:
        found = errors(await api.call(method, path, body))
        assert found[field] == [f"The selected {field.replace('_', ' ')} is invalid."]


async def test_bounds_of_integers_are_told(shared: Api) -> None:
    lead = await shared.lead()
    choices = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}

    for days, text in ((-1, "must be at least 0."), (3651, "must not be greater than 3650.")):
        answer = await shared.post(
            f"/api/leads/{lead['id']}/convert", choices | {"client_billing_invoice_due_days": days}
        )
        assert errors(answer) == {
            "client_billing_invoice_due_days": [f"The client billing invoice due days field {text}"]
        }


async def test_a_taken_e_mail_or_name_is_told(api: Api) -> None:
    await api.member("Sam", "Lee")
    await api.status("Won")
    person = {"first_name": "Sam", "last_name": "Lee", "email": "SAM.LEE@crm.example"}

    assert errors(await api.post("/api/team", person)) == {"email": ["The email has already been taken."]}
    assert errors(await api.post("/api/lead-statuses", {"title": "WON"})) == {
        "title": ["The title has already been taken."]
    }


async def test_an_unknown_field_is_named_on_every_endpoint_with_a_body(api: Api, ids: dict[str, int]) -> None:
    for endpoint in WITH_FORM:
        body = (endpoint.sent(ids) or {}) | {"colour_of_it": None, "__proto__": {}, "$set": 1, "a.b": 1}
        answer = await api.call(endpoint.method, endpoint.at(ids), body)
        assert errors(answer) == {
            "colour_of_it": ["The colour of it field is not recognised."],
            "__proto__": ["The   proto   field is not recognised."],
            "$set": ["The $set field is not recognised."],
            "a.b": ["The a.b field is not recognised."],
        }, endpoint.name


async def test_a_name_that_differs_in_case_or_white_space_is_another_name(shared: Api) -> None:
    assert (await faults(shared, **{"Lead_Title": "x", "lead_title ": "x"})).keys() == {"Lead_Title", "lead_title "}


async def test_faults_of_query_and_body_are_told_together(shared: Api) -> None:
    answer = await shared.post("/api/leads?debug=1&debug=2", {"lead_status": "x", "lead_value": "y", "foo": 1})

    assert errors(answer) == {
        "debug": ["The debug field must not be given more than once.", "The debug field is not recognised."],
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The lead status field must be an integer."],
        "lead_categoryid": ["The lead categoryid field is required."],
        "lead_value": ["The lead value field must be a number."],
        "foo": ["The foo field is not recognised."],
    }


async def test_a_patch_without_any_field_names_the_body(api: Api, ids: dict[str, int]) -> None:
    for endpoint in WITH_FORM:
        if endpoint.method == "PATCH":
            assert errors(await api.patch(endpoint.at(ids), {})).keys() == {"body"}


async def test_nothing_is_written_of_a_request_with_a_fault(api: Api) -> None:
    lead = await api.lead(lead_source="Web")

    await api.patch(f"/api/leads/{lead['id']}", {"lead_source": "Fair", "lead_value": "x"})
    await faults(api, lead_email="nobody")

    assert (await api.get("/api/leads")).json()["data"] == [lead]
