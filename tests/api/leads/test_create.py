"""POST /api/leads (contract, "Create, PUT, PATCH")."""

from tests.client import Api, errors

EMPTY_CONTACT = dict.fromkeys(["first_name", "last_name", "email", "phone", "job_position", "company_name", "website"])
EMPTY_ADDRESS = dict.fromkeys(["street", "city", "state", "zip", "country"])


async def test_a_lead_of_the_required_fields_has_every_key_and_null_where_empty(api: Api) -> None:
    answer = await api.post("/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3})

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
    }
    assert answer.json()["message"] == "Lead created successfully."
    assert answer.headers["Location"] == "/api/leads/1"


async def test_all_faults_are_told_at_once(api: Api) -> None:
    answer = await api.post("/api/leads", {"lead_status": 99, "lead_email": "nobody", "lead_colour": "red"})

    assert errors(answer) == {
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The selected lead status is invalid."],
        "lead_categoryid": ["The lead categoryid field is required."],
        "lead_email": ["The lead email field must be a valid email address."],
        "lead_colour": ["The lead colour field is not recognised."],
    }
