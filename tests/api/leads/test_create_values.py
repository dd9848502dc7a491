"""Numbers, money, dates, e-mails and references of a lead's fields (contract, section 1, and "Create, PUT, PATCH")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

SHOWN_MONEY = {
    "0": "0.00",
    "2500": "2500.00",
    "2500.0": "2500.00",
    "2.675": "2.68",
    "2.6749": "2.67",
    "1.005": "1.01",
    "0.004": "0.00",
    "0.005": "0.01",
    "1e3": "1000.00",
    "1e-400": "0.00",
    "99999999.99": "99999999.99",
    "99999999.994": "99999999.99",
    '"0"': "0.00",
    '"2500"': "2500.00",
    '"2.675"': "2.68",
    '"007.50"': "7.50",
    '"99999999.99"': "99999999.99",
}
NOT_MONEY = [
    '"NaN"', '"Infinity"', '"-Infinity"', '"abc"', '"1,000"', '"1_000"', '"1e3"', '"5."', '".5"', '"+5"', '" 5"',
    '"5 "', '"٣"', '"0x10"', "true", "[]", "{}", "[5]",
]  # fmt: skip
TOO_MUCH = ["99999999.995", "100000000", '"100000000.00"', "1e8", "1e400"]
NEGATIVE = ["-0.001", "-1", "-1e400"]
NOT_DATES = [
    "2026-02-29", "2026-13-01", "2026-06-31", "0000-01-01", "2026-6-1", "26-06-15", "20260615", "2026-06-15T00:00:00Z",
    "15.06.2026", "06/15/2026", "2026-W25-1", "2026-06-15 ", " 2026-06-15", "２０２６-06-15", "today", 20260615, True,
    [],
]  # fmt: skip
EMAILS = [
    "jane@acme.example", "Jane.O'Hara+crm@sales.ACME.example", "jürgen@müller.example", "邮箱@例子.测试", "1@2.3",
]  # fmt: skip
NOT_EMAILS = [
    "jane", "jane@acme", "@acme.example", "jane@", "jane@acme@acme.example", "ja ne@acme.example",
    "ja\tne@acme.example", "jane@acme .example", "ja\u00a0ne@acme.example", "jane@acme\n.example",
    "ja\u0085ne@acme.example", "jane.acme.example",
]  # fmt: skip
NOT_INTEGERS = ["3.0", "true", '" 3"', '"3 "', '"3.0"', '"+3"', '"1_0"', '"٣"', '"x"', "[3]", "{}", "1e0", str(2**63)]


@pytest.mark.parametrize("sent", [1, "1", "01"])
async def test_an_integer_may_be_sent_as_a_string_of_digits(api: Api, sent: int | str) -> None:
    lead = await api.lead(lead_status=sent)

    assert lead["status"]["id"] == 1


async def test_nothing_else_is_an_integer(api: Api) -> None:
    answers = {sent: await create(api, lead_status=sent) for sent in NOT_INTEGERS}

    assert {sent: errors(answer) for sent, answer in answers.items()} == {
        sent: {"lead_status": ["The lead status field must be an integer."]} for sent in NOT_INTEGERS
    }


@pytest.mark.parametrize("status", [99, 0, -1, 2**63 - 1, -(2**63), "99"])
async def test_the_status_must_exist(api: Api, status: int | str) -> None:
    answer = await create(api, lead_status=f'"{status}"')

    assert errors(answer) == {"lead_status": ["The selected lead status is invalid."]}


async def test_a_deleted_status_or_category_cannot_be_given(api: Api) -> None:
    status, category = await api.status(), await api.category()
    await api.delete(f"/api/lead-statuses/{status['id']}")
    await api.delete(f"/api/categories/{category['id']}")

    answer = await create(api, lead_status=str(status["id"]), lead_categoryid=str(category["id"]))

    assert errors(answer) == {
        "lead_status": ["The selected lead status is invalid."],
        "lead_categoryid": ["The selected lead categoryid is invalid."],
    }


async def test_a_new_status_and_a_new_category_can_be_given_at_once(api: Api) -> None:
    status, category = await api.status(color="lime"), await api.category()

    lead = await api.lead(lead_status=status["id"], lead_categoryid=category["id"])

    assert lead["status"] == {"id": status["id"], "title": "Negotiation", "color": "lime"}
    assert lead["category"] == {"id": category["id"], "name": "Partners"}


@pytest.mark.parametrize("category", [99, 2])
async def test_the_category_must_exist_and_be_for_leads(api: Api, category: int) -> None:
    answer = await create(api, lead_categoryid=str(category))

    assert errors(answer) == {"lead_categoryid": ["The selected lead categoryid is invalid."]}


async def test_money_is_rounded_half_up_from_the_decimal_as_written_and_shown_with_two_decimals(api: Api) -> None:
    answers = {sent: await create(api, lead_value=sent) for sent in SHOWN_MONEY}

    assert {sent: answer.json()["data"]["value"] for sent, answer in answers.items()} == SHOWN_MONEY


async def test_what_is_no_plain_number_is_no_money(api: Api) -> None:
    answers = {sent: await create(api, lead_value=sent) for sent in NOT_MONEY}

    assert {sent: errors(answer) for sent, answer in answers.items()} == {
        sent: {"lead_value": ["The lead value field must be a number."]} for sent in NOT_MONEY
    }


async def test_money_ends_at_99999999_99_after_rounding(api: Api) -> None:
    answers = {sent: await create(api, lead_value=sent) for sent in TOO_MUCH}

    assert {sent: errors(answer) for sent, answer in answers.items()} == {
        sent: {"lead_value": ["The lead value field must not be greater than 99999999.99."]} for sent in TOO_MUCH
    }


async def test_money_is_not_negative_the_sign_looked_at_before_rounding(api: Api) -> None:
    answers = {sent: await create(api, lead_value=sent) for sent in NEGATIVE}

    assert {sent: errors(answer) for sent, answer in answers.items()} == {
        sent: {"lead_value": ["The lead value field must be at least 0."]} for sent in NEGATIVE
    }


@pytest.mark.parametrize("sent", ['"-1"', '"-0.001"', '"-0"'])
async def test_money_as_a_string_has_no_sign(api: Api, sent: str) -> None:
    answer = await create(api, lead_value=sent)

    assert list(errors(answer)) == ["lead_value"]


@pytest.mark.parametrize("date", ["2026-06-15", "2024-02-29", "0001-01-01", "9999-12-31"])
async def test_a_date_is_shown_as_it_was_sent(api: Api, date: str) -> None:
    lead = await api.lead(lead_last_contacted=date)

    assert lead["last_contacted"] == date


async def test_a_date_is_a_day_of_the_calendar_as_year_month_day_only(api: Api) -> None:
    answers = [await api.post("/api/leads", REQUIRED | {"lead_last_contacted": sent}) for sent in NOT_DATES]

    expected = {"lead_last_contacted": ["The lead last contacted field must be a valid date."]}
    assert [(sent, errors(answer)) for sent, answer in zip(NOT_DATES, answers, strict=True)] == [
        (sent, expected) for sent in NOT_DATES
    ]


async def test_an_email_is_stored_as_sent(api: Api) -> None:
    leads = [await api.lead(lead_email=f" {email} ") for email in EMAILS]

    assert [lead["contact"]["email"] for lead in leads] == EMAILS


async def test_an_email_has_one_at_sign_no_white_space_and_a_domain_with_a_dot(api: Api) -> None:
    answers = {email: await api.post("/api/leads", REQUIRED | {"lead_email": email}) for email in NOT_EMAILS}

    assert {email: errors(answer) for email, answer in answers.items()} == {
        email: {"lead_email": ["The lead email field must be a valid email address."]} for email in NOT_EMAILS
    }


async def test_two_leads_may_have_the_same_email(api: Api) -> None:
    first, second = await api.lead(lead_email="jane@acme.example"), await api.lead(lead_email="jane@acme.example")

    assert first["id"] != second["id"]
    assert first["contact"] == second["contact"]


REQUIRED: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


async def create(api: Api, **literals: str) -> Any:
    """Create a lead with some values as they stand in JSON, to the letter."""
    written = {"lead_title": '"Acme"', "lead_status": "1", "lead_categoryid": "3"} | literals
    body = ", ".join(f'"{name}": {value}' for name, value in written.items())
    return await api.post("/api/leads", content=f"{{{body}}}", headers={"Content-Type": "application/json"})
