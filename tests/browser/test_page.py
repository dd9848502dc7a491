"""The documentation page as a visitor uses it, in a real browser (contract, section 5)."""

import asyncio
import subprocess

import httpx

from leads_api.testing import LeadsService
from tests.browser.visitor import FORM, PATIENCE, Visitor
from tests.client import Json
from tests.programs import program

LEAD = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


def read(service: LeadsService, path: str) -> Json:
    answer: Json = httpx.get(f"{service.url}{path}", headers=service.headers, timeout=PATIENCE).json()
    return answer


def create_leads(service: LeadsService, *titles: str) -> None:
    for title in titles:
        body = LEAD | {"lead_title": title}
        answer = httpx.post(f"{service.url}/api/leads", json=body, headers=service.headers, timeout=PATIENCE)
        assert answer.status_code == 201


async def test_a_visitor_authorises_and_creates_with_json_and_with_a_form(
    visitor: Visitor, service: LeadsService
) -> None:
    create = await visitor.open("create_lead")
    without_key, _ = await create.execute()
    await visitor.authorise(service.key)
    by_json, shown_by_json = await create.execute()
    await create.choose(FORM)
    await create.field("lead_phone").get_by_role("textbox").fill("030 & 1234")
    by_form, shown_by_form = await create.execute()

    assert (without_key.status, by_json.status, by_form.status) == (401, 201, 201)
    assert by_form.request.headers["content-type"] == FORM
    first, second = read(service, "/api/leads?order=asc")["data"]
    assert (shown_by_json["data"], shown_by_form["data"]) == (first, second)
    assert (first["contact"]["phone"], second["contact"]["phone"]) == (None, "030 & 1234")
    assert {name for name in first if first[name] != second[name]} == {"id", "contact", "dates"}


async def test_errors_are_shown_and_the_curl_command_does_the_same(visitor: Visitor, service: LeadsService) -> None:
    program("curl")
    odd = LEAD | {"lead_title": 'It\'s 100 % \\ "new"\n& good'}
    await visitor.authorise(service.key)
    create = await visitor.open("create_lead")
    await create.write({"lead_titel": "Acme"})
    invalid, shown = await create.execute()
    await create.write(odd)
    await create.execute()
    command = await create.curl()

    assert (invalid.status, shown["message"]) == (422, "The given data was invalid.")
    assert shown["errors"]["lead_titel"] == ["The lead titel field is not recognised."]
    await asyncio.to_thread(subprocess.run, ["bash", "-c", command], check=True, capture_output=True, timeout=PATIENCE)
    assert [lead["title"] for lead in read(service, "/api/leads")["data"]] == [odd["lead_title"]] * 2


async def test_a_form_sends_arrays_and_no_field_that_was_left_empty(visitor: Visitor, service: LeadsService) -> None:
    create_leads(service, "Acme")
    await visitor.authorise(service.key)
    tags = await visitor.open("set_lead_tags")
    await tags.fill(lead_id="1")
    await tags.choose(FORM)
    await tags.field("tags").get_by_role("button", name="Add").click()
    await tags.field("tags").get_by_role("textbox").last.fill("a, b & c")
    _, tagged = await tags.execute()
    change = await visitor.open("change_lead")
    await change.fill(lead_id="1")
    await change.choose(FORM)
    await change.field("lead_firstname").get_by_role("textbox").fill("Jane")
    _, changed = await change.execute()
    await change.field("lead_firstname").get_by_role("textbox").fill("")
    await change.field("lead_firstname").get_by_role("checkbox").check()
    _, cleared = await change.execute()

    assert tagged["data"]["tags"] == ["priority", "a, b & c"]
    assert changed["data"]["title"] == "Acme"
    assert changed["data"]["contact"]["first_name"] == "Jane"
    assert cleared["data"]["contact"]["first_name"] is None


async def test_a_visitor_lists_pages_by_cursor_and_converts(visitor: Visitor, service: LeadsService) -> None:
    create_leads(service, "Cold", "Best", "Acme")
    await visitor.authorise(service.key)
    leads = await visitor.open("list_leads")
    all_of_them, listed = await leads.execute()
    await leads.fill(limit="2", cursor="*")
    _, page = await leads.execute()
    await leads.fill(cursor=page["meta"]["next_cursor"])
    _, last = await leads.execute()
    convert = await visitor.open("convert_lead_to_client")
    await convert.fill(lead_id="1")
    _, client = await convert.execute()
    _, refused = await convert.execute()

    assert all_of_them.url == f"{service.url}/api/leads"
    assert [lead["id"] for lead in listed["data"]] == [3, 2, 1]
    assert [lead["id"] for lead in page["data"] + last["data"]] == [3, 2, 1]
    assert last["meta"]["next_cursor"] is None
    assert client["data"]["created_from_lead_id"] == 1
    assert refused == {
        "message": "This lead has already been converted to a client.",
        "client_id": client["data"]["id"],
    }
