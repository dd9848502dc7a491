"""POST /api/leads: which fields a lead is made of, and what holds for each (contract, "Create, PUT, PATCH")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

REQUIRED = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
EMPTY_CONTACT = dict.fromkeys(["first_name", "last_name", "email", "phone", "job_position", "company_name", "website"])
EMPTY_ADDRESS = dict.fromkeys(["street", "city", "state", "zip", "country"])
LENGTHS = {
    "lead_title": 250,
    "lead_firstname": 100,
    "lead_lastname": 100,
    "lead_email": 150,
    "lead_phone": 150,
    "lead_company_name": 150,
    "lead_job_position": 150,
    "lead_website": 150,
    "lead_source": 150,
    "lead_description": 65_000,
    "lead_street": 150,
    "lead_city": 150,
    "lead_state": 150,
    "lead_zip": 150,
    "lead_country": 150,
}
CONTROLS = [chr(code) for code in [*range(0x20), 0x7F] if chr(code) not in "\t\n\r"]
NOT_ALLOWED = "The lead title field contains characters that are not allowed."


async def test_a_lead_of_the_required_fields_has_every_key_and_null_where_empty(api: Api) -> None:
    answer = await api.post("/api/leads", REQUIRED)

    assert answer.status_code == 201
    lead = answer.json()["data"]
    dates = lead.pop("dates")
    assert dates["created"] == dates["updated"]
    assert lead == {
        "id": 1,
        "title": "Acme",
        "value": None,
        "status": {"id": 1, "title": "New", "color": "default"},
        "active_state": "active",
        "category": {"id": 3, "name": "Default"},
        "source": None,
        "last_contacted": None,
        "description": None,
        "contact": EMPTY_CONTACT,
        "address": EMPTY_ADDRESS,
        "converted": {"is_converted": False, "client_id": None, "date": None},
        "assigned": [],
        "tags": [],
        "custom_fields": {},
        "comments_count": 0,
        "version": 1,
        "external_id": None,
    }
    assert answer.json()["message"] == "Lead created successfully."
    assert answer.headers["Location"] == "/api/leads/1"


async def test_every_field_is_shown_in_its_place(api: Api) -> None:
    answer = await api.post("/api/leads", whole_body())

    assert answer.status_code == 201
    lead = answer.json()["data"]
    assert lead["title"] == "Acme - new website"
    assert lead["value"] == "2500.00"
    assert lead["status"] == {"id": 5, "title": "Contacted", "color": "warning"}
    assert lead["category"] == {"id": 3, "name": "Default"}
    assert lead["source"] == "Website"
    assert lead["last_contacted"] == "2026-06-15"
    assert lead["description"] == "Inbound enquiry."
    assert lead["contact"] == {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@acme.example",
        "phone": "+1 555 0100",
        "job_position": "CTO",
        "company_name": "Acme Inc",
        "website": "https://acme.example",
    }
    assert lead["address"] == {
        "street": "1 Main St",
        "city": "Springfield",
        "state": "IL",
        "zip": "62701",
        "country": "USA",
    }


async def test_a_form_creates_the_same_lead_as_json(api: Api) -> None:
    from_json = (await api.post("/api/leads", whole_body())).json()["data"]

    answer = await api.post("/api/leads", data={name: str(value) for name, value in whole_body().items()})

    assert answer.status_code == 201
    assert without_identity(answer.json()["data"]) == without_identity(from_json)


async def test_what_post_answers_is_what_get_shows(api: Api) -> None:
    created = await api.lead(**whole_body())

    assert await api.shown(created["id"]) == created


async def test_all_faults_are_told_at_once(api: Api) -> None:
    answer = await api.post(
        "/api/leads?colour=red", {"lead_status": 99, "lead_email": "nobody", "lead_value": -1, "lead_colour": "red"}
    )

    assert errors(answer) == {
        "colour": ["The colour field is not recognised."],
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The selected lead status is invalid."],
        "lead_categoryid": ["The lead categoryid field is required."],
        "lead_email": ["The lead email field must be a valid email address."],
        "lead_value": ["The lead value field must be at least 0."],
        "lead_colour": ["The lead colour field is not recognised."],
    }


async def test_a_refused_lead_is_not_written(api: Api) -> None:
    errors(await api.post("/api/leads", REQUIRED | {"lead_email": "nobody"}))

    assert (await api.get("/api/leads")).json()["meta"]["total"] == 0


@pytest.mark.parametrize("empty", [None, "", " \t\r\n"])
async def test_a_required_field_that_is_empty_counts_as_missing(api: Api, empty: str | None) -> None:
    answer = await api.post("/api/leads", dict.fromkeys(REQUIRED, empty))

    assert errors(answer) == {
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The lead status field is required."],
        "lead_categoryid": ["The lead categoryid field is required."],
    }


@pytest.mark.parametrize("empty", [None, "", " \t\r\n"])
async def test_an_optional_field_that_is_empty_is_null(api: Api, empty: str | None) -> None:
    optional = dict.fromkeys(whole_body().keys() - REQUIRED.keys(), empty)

    lead = await api.lead(**optional)

    assert without_identity(lead) == without_identity(await api.lead())


@pytest.mark.parametrize("name", ["tags", "assigned", "version", "id", "custom_fields", "Lead_Title", "lead_title[]"])
async def test_what_cannot_be_set_here_is_not_recognised(api: Api, name: str) -> None:
    answer = await api.post("/api/leads", REQUIRED | {name: []})

    assert errors(answer) == {name: [f"The {name.replace('_', ' ')} field is not recognised."]}


async def test_texts_may_be_as_long_as_their_limits_counted_in_characters_without_outer_white_space(api: Api) -> None:
    longest = {name: longest_text(name, length) for name, length in LENGTHS.items()}

    lead = await api.lead(**{name: f" \r\n{value}\t " for name, value in longest.items()})

    shown = {lead["title"], lead["source"], lead["description"], *lead["contact"].values(), *lead["address"].values()}
    assert shown == set(longest.values())


async def test_texts_longer_than_their_limits_are_refused(api: Api) -> None:
    too_long = {name: longest_text(name, length + 1) for name, length in LENGTHS.items()}

    answer = await api.post("/api/leads", REQUIRED | too_long)

    assert errors(answer) == {
        name: [f"The {name.replace('_', ' ')} field must not be greater than {length} characters."]
        for name, length in LENGTHS.items()
    }


@pytest.mark.parametrize("value", [5, 1.5, True, ["Acme"], {"a": 1}])
async def test_texts_must_be_strings(api: Api, value: Any) -> None:
    answer = await api.post("/api/leads", REQUIRED | dict.fromkeys(LENGTHS, value))

    found = errors(answer)
    assert found.pop("lead_email")
    assert found == {
        name: [f"The {name.replace('_', ' ')} field must be a string."] for name in LENGTHS if name != "lead_email"
    }


async def test_text_is_stored_as_sent_with_inner_white_space_and_nothing_escaped(api: Api) -> None:
    text = '<b>Tom & "Jerry"</b>\r\n\tit\'s  &amp; 100 % 🚀 {{x}} $ne'

    lead = await api.lead(lead_title=f"\n{text} ", lead_description=f"\t{text}\n", lead_company_name=f" {text}")

    assert lead["title"] == text
    assert lead["description"] == text
    assert lead["contact"]["company_name"] == text


async def test_no_text_may_hold_a_control_character(api: Api) -> None:
    answer = await api.post("/api/leads", REQUIRED | dict.fromkeys(LENGTHS, "a\0@b.example"))

    assert errors(answer) == {
        name: [f"The {name.replace('_', ' ')} field contains characters that are not allowed."] for name in LENGTHS
    }


async def test_every_control_character_but_tab_line_feed_and_carriage_return_is_refused(api: Api) -> None:
    answers = {sign: await api.post("/api/leads", REQUIRED | {"lead_title": f"Ac{sign}me"}) for sign in CONTROLS}

    found = {sign: errors(answer) for sign, answer in answers.items()}
    assert found == {sign: {"lead_title": [NOT_ALLOWED]} for sign in CONTROLS}


async def test_control_characters_are_refused_also_where_they_count_as_white_space(api: Api) -> None:
    spaces = [sign for sign in CONTROLS if sign.isspace()]

    alone = {sign: await api.post("/api/leads", REQUIRED | {"lead_source": sign}) for sign in spaces}
    outside = {sign: await api.post("/api/leads", REQUIRED | {"lead_source": f"{sign}Web{sign}"}) for sign in spaces}

    assert {sign: answer.status_code for sign, answer in outside.items()} == dict.fromkeys(spaces, 422)
    assert {sign: answer.status_code for sign, answer in alone.items()} == dict.fromkeys(spaces, 422)


def whole_body() -> Json:
    """Return every field that a lead has of its own."""
    return {
        "lead_title": "Acme - new website",
        "lead_status": 5,
        "lead_categoryid": 3,
        "lead_firstname": "Jane",
        "lead_lastname": "Doe",
        "lead_email": "jane@acme.example",
        "lead_phone": "+1 555 0100",
        "lead_company_name": "Acme Inc",
        "lead_job_position": "CTO",
        "lead_website": "https://acme.example",
        "lead_value": "2500.00",
        "lead_source": "Website",
        "lead_last_contacted": "2026-06-15",
        "lead_description": "Inbound enquiry.",
        "lead_street": "1 Main St",
        "lead_city": "Springfield",
        "lead_state": "IL",
        "lead_zip": "62701",
        "lead_country": "USA",
    }


def without_identity(lead: Json) -> Json:
    """Return a lead without what no two leads have in common."""
    return {key: value for key, value in lead.items() if key not in {"id", "dates"}}


def longest_text(name: str, length: int) -> str:
    """Return a text of so many characters, more bytes, and the field's own; for the e-mail, an address."""
    if name == "lead_email":  # a label of a domain has at most 63 bytes
        return f"{name}@{'ü' * 31}.{'ü' * 31}.{'ü' * 31}.example".ljust(length, "x")
    return name.ljust(length, "ü")
