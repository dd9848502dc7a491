"""What POST /api/leads/{id}/convert refuses, leaving no trace (contract, "Convert")."""

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json, errors

OWNER = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
TAKEN = {"email": ["The email has already been taken."]}


async def _nothing_written(api: Api, database: Database, lead: Json) -> None:
    """Assert that a refused conversion left no trace."""
    assert await api.shown(lead["id"]) == lead
    assert (await api.get("/api/clients")).json()["data"] == []
    assert await database["users"].count_documents({"type": "client"}) == 0
    assert await database["mails"].count_documents({}) == 0


async def test_a_lead_becomes_a_client_once(api: Api, database: Database) -> None:
    lead = await api.lead()
    client = await api.client(lead["id"])
    before = await api.shown(lead["id"])

    answer = await api.post(f"/api/leads/{lead['id']}/convert", OWNER | {"send_welcome_email": "yes"})

    assert answer.status_code == 409
    assert answer.json() == {
        "message": "This lead has already been converted to a client.",
        "client_id": client["id"],
    }
    assert await api.shown(lead["id"]) == before
    assert [one["id"] for one in (await api.get("/api/clients")).json()["data"]] == [client["id"]]
    assert await database["users"].count_documents({"type": "client"}) == 1
    assert await database["mails"].count_documents({}) == 0


async def test_a_converted_lead_answers_409_also_for_a_taken_email(api: Api) -> None:
    lead = await api.lead()
    await api.client(lead["id"], **OWNER)

    assert (await api.post(f"/api/leads/{lead['id']}/convert", OWNER)).status_code == 409


async def test_a_refused_conversion_uses_up_no_ids(api: Api) -> None:
    first, second = await api.lead(), await api.lead()
    client = await api.client(first["id"], **OWNER)

    refused = [
        await api.post("/api/leads/999/convert", OWNER),
        await api.post(f"/api/leads/{first['id']}/convert", OWNER),
        await api.post(f"/api/leads/{first['id']}/convert", OWNER | {"email": "joe@acme.example"}),
        await api.post(f"/api/leads/{second['id']}/convert", OWNER),
    ]
    following = await api.client(second["id"])
    member = await api.member()

    assert [answer.status_code for answer in refused] == [404, 409, 409, 422]
    assert following["id"] == client["id"] + 1
    assert member["id"] == 4  # after user 1 and two owners


@pytest.mark.parametrize("email", ["sam@crm.example", "SAM@CRM.example", "  Sam@Crm.Example  "])
async def test_an_email_of_a_team_user_is_taken_in_any_case(api: Api, database: Database, email: str) -> None:
    await api.member(email="Sam@crm.example")
    lead = await api.lead()

    answer = await api.post(
        f"/api/leads/{lead['id']}/convert", OWNER | {"email": email, "send_welcome_email": "yes", "delete_lead": "yes"}
    )

    assert errors(answer) == TAKEN
    await _nothing_written(api, database, lead)


@pytest.mark.parametrize("email", ["jürgen@acme.example", "JÜRGEN@ACME.EXAMPLE"])
async def test_an_email_of_a_client_is_taken_in_any_case(api: Api, email: str) -> None:
    first, second = await api.lead(), await api.lead()
    await api.client(first["id"], email="Jürgen@acme.example")

    answer = await api.post(f"/api/leads/{second['id']}/convert", OWNER | {"email": email})

    assert errors(answer) == TAKEN
    assert await api.shown(second["id"]) == second
    assert (await api.get("/api/clients")).json()["meta"]["total"] == 1


async def test_a_clients_email_is_taken_for_the_team_too(api: Api) -> None:
    await api.client((await api.lead())["id"], **OWNER)

    answer = await api.post("/api/team", OWNER | {"email": "JANE@acme.example"})

    assert errors(answer) == TAKEN


async def test_a_lead_can_be_converted_after_its_email_was_refused(api: Api) -> None:
    lead = await api.lead()
    await api.member(email="jane@acme.example")
    assert (await api.post(f"/api/leads/{lead['id']}/convert", OWNER)).status_code == 422

    assert (await api.client(lead["id"], email="jane.doe@acme.example"))["created_from_lead_id"] == lead["id"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"first_name": None}, {"first_name": ["The first name field is required."]}),
        ({"first_name": " "}, {"first_name": ["The first name field is required."]}),
        ({"last_name": ""}, {"last_name": ["The last name field is required."]}),
        ({"email": None}, {"email": ["The email field is required."]}),
        ({"first_name": 1}, {"first_name": ["The first name field must be a string."]}),
        ({"first_name": "x" * 101}, {"first_name": ["The first name field must not be greater than 100 characters."]}),
        ({"last_name": "x" * 101}, {"last_name": ["The last name field must not be greater than 100 characters."]}),
        ({"email": "jane"}, {"email": ["The email field must be a valid email address."]}),
        ({"email": "jane@localhost"}, {"email": ["The email field must be a valid email address."]}),
        ({"email": "j@x@acme.example"}, {"email": ["The email field must be a valid email address."]}),
        ({"email": "j d@acme.example"}, {"email": ["The email field must be a valid email address."]}),
        (
            {"email": f"{'x' * 140}@acme.example"},
            {"email": ["The email field must not be greater than 150 characters."]},
        ),
        (
            {"client_company_name": "x" * 151},
            {"client_company_name": ["The client company name field must not be greater than 150 characters."]},
        ),
        (
            {"client_billing_invoice_due_days": "soon"},
            {"client_billing_invoice_due_days": ["The client billing invoice due days field must be an integer."]},
        ),
        (
            {"client_billing_invoice_due_days": -1},
            {"client_billing_invoice_due_days": ["The client billing invoice due days field must be at least 0."]},
        ),
        (
            {"client_billing_invoice_due_days": 3651},
            {
                "client_billing_invoice_due_days": [
                    "The client billing invoice due days field must not be greater than 3650."
                ]
            },
        ),
        ({"send_welcome_email": "on"}, {"send_welcome_email": ["The selected send welcome email is invalid."]}),
        ({"delete_lead": True}, {"delete_lead": ["The selected delete lead is invalid."]}),
        ({"password": "x"}, {"password": ["The password field is not recognised."]}),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_written(
    api: Api, database: Database, fields: Json, fault: dict[str, list[str]]
) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/convert", OWNER | fields)

    assert errors(answer) == fault
    await _nothing_written(api, database, lead)


async def test_all_faults_are_told_at_once(api: Api) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/convert", {"delete_lead": "maybe"})

    assert set(errors(answer)) == {"first_name", "last_name", "email", "delete_lead"}
