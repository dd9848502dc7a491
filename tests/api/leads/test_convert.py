"""POST /api/leads/{id}/convert (contract, "Convert")."""

from typing import Any

import pytest

from leads_api.mongo.client import Database
from tests.client import Api, Json
from tests.conftest import Serve

OWNER = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
WHOLE = {
    "lead_title": "Acme - new website",
    "lead_firstname": "John",
    "lead_lastname": "Smith",
    "lead_email": "john@acme.example",
    "lead_phone": "+1 555 0100",
    "lead_job_position": "CTO",
    "lead_company_name": "Acme Inc",
    "lead_website": "https://acme.example",
    "lead_value": "2500.00",
    "lead_source": "Website",
    "lead_description": "Inbound enquiry.",
    "lead_street": "1 Main Street",
    "lead_city": "Springfield",
    "lead_state": "Oregon",
    "lead_zip": "97477",
    "lead_country": "US",
}


async def test_a_whole_lead_becomes_a_client(api: Api) -> None:
    lead = await api.lead(**WHOLE)
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})

    answer = await api.post(f"/api/leads/{lead['id']}/convert", OWNER | {"client_billing_invoice_due_days": 7})

    assert answer.status_code == 201
    assert answer.json()["message"] == "Lead converted to client successfully."
    client = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/clients/{client['id']}"
    assert client == {
        "id": 1,
        "company_name": "Acme Inc",
        "description": None,
        "status": "active",
        "phone": "+1 555 0100",
        "website": "https://acme.example",
        "vat": None,
        "category": {"id": 2, "name": "Default"},
        "owner": {"id": client["owner"]["id"], "name": "Jane Doe"},
        "billing": {
            "street": "1 Main Street",
            "city": "Springfield",
            "state": "Oregon",
            "zip": "97477",
            "country": "US",
            "invoice_due_days": "7",
        },
        "shipping": dict.fromkeys(["street", "city", "state", "zip", "country"]),
        "dates": {"created": client["dates"]["created"], "updated": client["dates"]["created"]},
        "tags": [],
        "created_from_lead_id": lead["id"],
    }
    assert (await api.get(answer.headers["Location"])).json()["data"] == client


async def test_an_empty_lead_becomes_a_client_named_after_its_owner(api: Api) -> None:
    client = await api.client((await api.lead())["id"])

    assert client["company_name"] == "Jane Doe"
    assert client["phone"] is None
    assert client["website"] is None
    assert client["billing"] == dict.fromkeys(["street", "city", "state", "zip", "country", "invoice_due_days"])


@pytest.mark.parametrize(
    ("sent", "of_the_lead", "company"),
    [
        ("Sent Ltd", "Lead Ltd", "Sent Ltd"),
        ("  Sent Ltd ", None, "Sent Ltd"),
        (None, "Lead Ltd", "Lead Ltd"),
        ("", "Lead Ltd", "Lead Ltd"),
        (" ", None, "Jane Doe"),
    ],
)
async def test_the_company_is_the_requests_else_the_leads_else_the_owners_name(
    api: Api, sent: str | None, of_the_lead: str | None, company: str
) -> None:
    lead = await api.lead(lead_company_name=of_the_lead)

    client = await api.client(lead["id"], client_company_name=sent)

    assert client["company_name"] == company


async def test_the_lead_is_marked_and_keeps_everything_else(api: Api) -> None:
    lead = await api.lead(**WHOLE)
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [1]})
    await api.comment(lead["id"])
    item = await api.item(lead["id"])
    before = await api.shown(lead["id"])

    client = await api.client(lead["id"])

    after = await api.shown(lead["id"])
    date = after["dates"]["updated"]
    assert after["converted"] == {"is_converted": True, "client_id": client["id"], "date": date}
    assert after["status"] == {"id": 2, "title": "Converted", "color": "success"}
    assert date == client["dates"]["created"]
    assert after == before | {key: after[key] for key in ("converted", "status", "version", "dates")}
    assert len((await api.get(f"/api/leads/{lead['id']}/comments")).json()["data"]) == 1
    assert (await api.get(f"/api/checklists/{item['id']}")).json()["data"] == item


async def test_the_first_user_is_the_active_owner_of_the_clients_account(api: Api, database: Database) -> None:
    client = await api.client((await api.lead())["id"], **OWNER | {"email": "  Jane@Acme.example "})

    user = await database["users"].find_one({"_id": client["owner"]["id"]})
    assert user is not None
    assert {key: user[key] for key in ("type", "status", "account_owner", "client_id", "email")} == {
        "type": "client",
        "status": "active",
        "account_owner": True,
        "client_id": client["id"],
        "email": "Jane@Acme.example",
    }
    assert (user["first_name"], user["last_name"]) == ("Jane", "Doe")
    assert not {key for key in user if "password" in key or "secret" in key or "token" in key}


async def test_the_owner_is_no_member_of_the_team(api: Api) -> None:
    client = await api.client((await api.lead())["id"])

    assert [member["id"] for member in (await api.get("/api/team")).json()["data"]] == [1]
    assert (await api.get(f"/api/team/{client['owner']['id']}")).status_code == 404


async def test_with_delete_lead_the_lead_goes_with_all_that_belongs_to_it(api: Api, database: Database) -> None:
    lead, other = await api.lead(lead_phone="+1 555 0100"), await api.lead()
    item, kept = await api.item(lead["id"]), await api.item(other["id"])
    await api.comment(lead["id"])

    client = await api.client(lead["id"], delete_lead="yes")

    assert client["phone"] == "+1 555 0100"
    assert client["created_from_lead_id"] == lead["id"]
    assert (await api.get(f"/api/leads/{lead['id']}")).status_code == 404
    assert (await api.get(f"/api/leads/{lead['id']}/comments")).status_code == 404
    assert (await api.get(f"/api/checklists/{item['id']}")).status_code == 404
    assert await database["checklists"].count_documents({}) == 1
    assert (await api.get(f"/api/checklists/{kept['id']}")).status_code == 200
    assert (await api.get(f"/api/clients/{client['id']}")).json()["data"] == client
    assert (await api.post(f"/api/leads/{lead['id']}/convert", OWNER)).status_code == 404


@pytest.mark.parametrize(("sent", "shown"), [(0, "0"), ("30", "30"), (3650, "3650"), (None, None), ("", None)])
async def test_the_due_days_are_shown_as_a_string(api: Api, sent: Any, shown: str | None) -> None:
    client = await api.client((await api.lead())["id"], client_billing_invoice_due_days=sent)

    assert client["billing"]["invoice_due_days"] == shown


async def test_a_form_converts_too(api: Api) -> None:
    lead = await api.lead()

    answer = await api.post(
        f"/api/leads/{lead['id']}/convert", data=OWNER | {"delete_lead": "", "client_billing_invoice_due_days": "14"}
    )

    assert answer.status_code == 201
    assert answer.json()["data"]["billing"]["invoice_due_days"] == "14"
    assert (await api.shown(lead["id"]))["converted"]["is_converted"] is True


async def test_the_welcome_mail_is_queued_to_the_owner_if_it_is_asked_for(api: Api, database: Database) -> None:
    await api.client((await api.lead())["id"], **OWNER | {"send_welcome_email": "yes"})

    mails = [mail async for mail in database["mails"].find()]
    assert len(mails) == 1
    assert "jane@acme.example" in mails[0].values()
    assert "Jane Doe" in mails[0].values()


@pytest.mark.parametrize("choices", [{}, {"send_welcome_email": "no"}, {"send_welcome_email": None}])
async def test_no_mail_is_queued_unless_it_is_asked_for(api: Api, database: Database, choices: Json) -> None:
    await api.client((await api.lead())["id"], **choices)

    assert await database["mails"].count_documents({}) == 0


async def test_a_mail_that_was_queued_is_sent_at_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("leads_api.mail.sender.MailSender.wake", lambda _: woken.append("now"))
    mails = {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "crm@example.com", "portal_url": "https://crm.example"}
    async with serve(**mails) as api:
        for number, choice in enumerate(("no", "yes")):
            body = OWNER | {"email": f"{number}@acme.example", "send_welcome_email": choice}
            answer = await api.post(f"/api/leads/{(await api.lead())['id']}/convert", body)

            assert answer.status_code == 201, answer.text
            assert woken == ["now"] * number


async def test_an_archived_lead_is_converted_and_stays_archived(api: Api) -> None:
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/archive")

    await api.client(lead["id"])

    after = await api.shown(lead["id"])
    assert (after["active_state"], after["converted"]["is_converted"]) == ("archived", True)
    assert after["version"] == 3


async def test_the_list_can_be_filtered_by_conversion(api: Api) -> None:
    converted, other = await api.lead(), await api.lead()
    await api.client(converted["id"])

    found = {
        choices: [lead["id"] for lead in (await api.get("/api/leads", converted=choices)).json()["data"]]
        for choices in ("yes", "no")
    }

    assert found == {"yes": [converted["id"]], "no": [other["id"]]}
