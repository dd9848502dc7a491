"""E-mails and dates (contract, section 1)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

REQUIRED: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


async def faults(api: Api, **fields: Any) -> dict[str, list[str]]:
    """Return the faults of a new lead with these fields."""
    return errors(await api.post("/api/leads", REQUIRED | fields))


EMAILS = {
    "jane@acme.example": True, "j.d+tag@sub.acme.example": True, "jürgen@müller.example": True, "用户@例子.广告": True,
    "o'neil@acme.example": True, "  jane@acme.example  ": True, "a@b.c": True, "jane": False, "@acme.example": False,
    "jane@": False, "jane@acme": False, "jane@.example": False, "jane@acme.": False, "jane@acme..example": False,
    "a@b@c.example": False, "ja ne@acme.example": False, "jane@ac me.example": False, "jane\t@acme.example": False,
    "<jane@acme.example>": False, "a@x>.example": False, "a@x.example:25": False, "a@x.example,b": False,
    "a@\u24d4example.com": False, "a@x\u3002example.com": False, "a@\uff45xample.com": False, "a@x.example.": False,
    "jane..doe@acme.example": False, ".jane@acme.example": False, "jane.@acme.example": False,
    '"jane"@acme.example': False, "jane(x)@acme.example": False, "jane,doe@acme.example": False,
    "jane@-acme.example": False, "jane@acme-.example": False, "jane@ac_me.example": False, "jane@[127.0.0.1]": False,
    "jane@a-b.example": True, "j!#$%&'*+-/=?^_`{|}~@acme.example": True, "jane@xn--mller-kva.example": True,
    "jos\u0065\u0301@caf\u0065\u0301.example": True, "\u0939\u093f\u0928@\u0939\u093f.example": True,
    "\u20ac@acme.example": False, f"{'x' * 64}@acme.example": True, f"{'x' * 65}@acme.example": False,
    "é" * 33 + "@acme.example": False, f"a@{'x' * 63}.example": True, f"a@{'x' * 64}.example": False,
    "jane\u00a0x@acme.example": False, "jane\n@acme.example": False, "j\r\nBcc: x@acme.example": False,
}  # fmt: skip


async def test_an_e_mail_is_a_mailbox_of_letters_of_any_script(shared: Api) -> None:
    found = {email: await shared.post("/api/leads", REQUIRED | {"lead_email": email}) for email in EMAILS}

    assert {email: answer.status_code == 201 for email, answer in found.items()} == EMAILS
    for email, answer in found.items():
        if EMAILS[email]:
            assert answer.json()["data"]["contact"]["email"] == email.strip()
        else:
            assert errors(answer) == {"lead_email": ["The lead email field must be a valid email address."]}


@pytest.mark.parametrize("control", ["\x00", "\x1f", "\x7f", "\x85", "\u200b", "\u202e"])
async def test_an_e_mail_holds_no_control_or_invisible_characters(shared: Api, control: str) -> None:
    assert list(await faults(shared, lead_email=f"ja{control}ne@acme.example")) == ["lead_email"]


async def test_an_e_mail_has_at_most_150_characters(shared: Api) -> None:
    domain = f"@{'a' * 63}.{'b' * 13}.example"
    longest = "x" * (150 - len(domain)) + domain

    assert (await shared.post("/api/leads", REQUIRED | {"lead_email": longest})).status_code == 201
    assert await faults(shared, lead_email="x" + longest) == {
        "lead_email": ["The lead email field must not be greater than 150 characters."]
    }


DATES: dict[Any, bool] = {
    "2026-06-15": True, "2024-02-29": True, "0001-01-01": True, "9999-12-31": True, "2026-02-29": False,
    "2026-13-01": False, "2026-00-10": False, "2026-06-31": False, "0000-01-01": False, "2026-6-15": False,
    "20260615": False, "2026-W25-1": False, "2026-166": False, "15.06.2026": False, "06/15/2026": False,
    "2026-06-15T00:00:00Z": False, "2026-06-15 00:00:00": False, "-2026-06-15": False, "+2026-06-15": False,
    "2026\u201106\u201115": False, "\uff12026-06-15": False, " 2026-06-15": False, "2026-06-15\n": False,
    "yesterday": False, 20260615: False, 0: False, True: False,
}  # fmt: skip


async def test_dates_are_years_months_and_days_of_the_calendar_and_nothing_else(shared: Api) -> None:
    found = {date: await shared.post("/api/leads", REQUIRED | {"lead_last_contacted": date}) for date in DATES}

    assert {date: answer.status_code == 201 for date, answer in found.items()} == DATES
    for date, answer in found.items():
        if DATES[date]:
            assert answer.json()["data"]["last_contacted"] == date
        else:
            assert errors(answer) == {"lead_last_contacted": ["The lead last contacted field must be a valid date."]}


@pytest.mark.parametrize("path", ["/api/leads", "/api/clients"])
@pytest.mark.parametrize("email", ["nobody", "jane crm@acme.example", "<jane@acme.example>"])
async def test_a_filter_by_what_is_no_e_mail_is_refused(shared: Api, path: str, email: str) -> None:
    answer = await shared.get(path, email=email)

    assert errors(answer) == {"email": ["The email field must be a valid email address."]}


async def test_an_unescaped_plus_is_a_space_and_never_an_empty_list(shared: Api) -> None:
    answer = await shared.call("GET", "/api/leads?email=jane+crm@acme.example")

    assert errors(answer) == {"email": ["The email field must be a valid email address."]}
