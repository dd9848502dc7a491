"""Cursors that GET /api/leads refuses (contract, section 5, "Cursor paging"; section 1, 422)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest

from tests.client import Api, errors

BESIDE_PAGE = "The cursor field must not be given together with page: leave page out."
INVALID = "The selected cursor is invalid."
OTHER_LIST = (
    "The cursor was made with other filters or another sort: send the same ones with it, or start anew with cursor=*."
)
KEY, LEAD = 1, 2
"""Where in a token's content the key of the last lead is, and its id."""


async def cursor(api: Api, **params: Any) -> str:
    """Return a cursor that the service has made, for a list with these parameters."""
    for _ in range(2):
        await api.lead()
    found = (await api.get("/api/leads", cursor="*", limit=1, **params)).json()
    token: str = found["meta"]["next_cursor"]
    return token


def altered(token: str, place: int, value: object) -> str:
    """Return a token with another value in one place of its content."""
    content = msgspec.msgpack.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    content[place] = value
    return forged(content)


def forged(content: object) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(content)).rstrip(b"=").decode()


@pytest.mark.parametrize("page", ["1", "2"])
async def test_page_beside_a_cursor_is_refused(api: Api, page: str) -> None:
    for token in ("*", await cursor(api)):
        assert errors(await api.get("/api/leads", cursor=token, page=page)) == {"cursor": [BESIDE_PAGE]}


@pytest.mark.parametrize(
    "changes",
    [
        {"sort": "lead_title"}, {"order": "asc"}, {"status": "3"}, {"status": ""}, {"status": "1,3"}, {"tag": "hot"},
        {"search": "acm"}, {"active_state": "active"}, {"assigned_user_id": "1"}, {"value_min": "0"},
        {"category_id": "3"}, {"source": "web"}, {"email": "a@x.example"}, {"converted": "no"},
        {"created_from": "2026-01-01"}, {"updated_to": "2099-01-01"}, {"last_contacted_to": "2026-01-01"},
    ],
    ids=str,
)  # fmt: skip
async def test_other_filters_or_another_sort_than_a_cursor_s_own_are_refused(api: Api, changes: dict[str, str]) -> None:
    begun = {"status": "1", "search": "acme"}
    token = await cursor(api, **begun)

    answer = await api.get("/api/leads", cursor=token, **begun | changes)

    assert errors(answer) == {"cursor": [OTHER_LIST]}


async def test_a_value_is_not_taken_for_the_same_value_of_another_filter(api: Api) -> None:
    token = await cursor(api, created_from="2026-01-01")

    answer = await api.get("/api/leads", cursor=token, updated_from="2026-01-01")

    assert errors(answer) == {"cursor": [OTHER_LIST]}


async def test_what_is_no_cursor_is_refused(api: Api) -> None:
    token = await cursor(api)
    broken = [
        "**", "* *", "a", "abc", "null", "1", "-1", "$gt", "é", "=", "lQ", token[:-1], token[1:], token + "A",
        token + "=", f"{token[:4]}!{token[4:]}", token * 2, token.swapcase(), forged(None), forged({}), forged([]),
        forged([1]), forged("*"), "k" * 2048,
    ]  # fmt: skip

    for wrong in broken:
        assert errors(await api.get("/api/leads", cursor=wrong)) == {"cursor": [INVALID]}, wrong


async def test_a_cursor_of_any_length_is_read_or_refused(api: Api) -> None:
    assert errors(await api.get("/api/leads", cursor="A" * 2731)) == {
        "cursor": ["The cursor field must not be greater than 2730 characters."]
    }
    assert list(errors(await api.get("/api/leads?cursor=%00"))) == ["cursor"]
    assert list(errors(await api.get("/api/leads?cursor=%ff"))) == ["cursor"]
    assert list(errors(await api.get("/api/leads?cursor=*&cursor=*"))) == ["cursor"]


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("lead_created", ["2026-01-01", 10**17, -(10**17), 2**63 - 1, 2**64 - 1, 1.5, True, b"x", {"$gt": 1}]),
        ("lead_value", ["5", 2**63, 5.0, False, b"x", {"$gt": 0}]),
        ("lead_title", [5, b"acme", ["acme"], {"$ne": ""}]),
        ("lead_last_contacted", [20260101, b"x", {"$gt": ""}]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_a_made_up_key_that_the_sort_cannot_have_does_not_reach_the_database(
    api: Api, sort: str, keys: list[object]
) -> None:
    token = await cursor(api, sort=sort)

    for key in keys:
        answer = await api.get("/api/leads", sort=sort, cursor=altered(token, KEY, key))
        assert errors(answer) == {"cursor": [INVALID]}, key


async def test_a_made_up_id_that_no_lead_can_have_is_refused(api: Api) -> None:
    token = await cursor(api)

    for lead in (0, -1, 2**63, "1", None, 1.0, True):
        answer = await api.get("/api/leads", cursor=altered(token, LEAD, lead))
        assert errors(answer) == {"cursor": [INVALID]}, lead


async def test_a_cursor_of_another_format_is_refused(api: Api) -> None:
    token = await cursor(api)

    for version in (0, 2, "1", None):
        assert errors(await api.get("/api/leads", cursor=altered(token, 0, version))) == {"cursor": [INVALID]}


async def test_a_key_beyond_all_leads_finds_the_end_or_the_beginning(api: Api) -> None:
    token = await cursor(api, sort="lead_title")

    low = await api.get("/api/leads", sort="lead_title", cursor=altered(token, KEY, ""))
    high = await api.get("/api/leads", sort="lead_title", cursor=altered(token, KEY, "\U0010ffff"))

    assert (len(low.json()["data"]), len(high.json()["data"])) == (0, 2)


async def test_a_cursor_is_judged_together_with_the_other_parameters(api: Api) -> None:
    token = await cursor(api)

    answer = await api.get("/api/leads", cursor=token, order="asc", limit=0, foo=1, page=2)

    assert errors(answer) == {
        "cursor": [BESIDE_PAGE, OTHER_LIST],
        "limit": ["The limit field must be at least 1."],
        "foo": ["The foo field is not recognised."],
    }
    assert errors(await api.get("/api/leads", cursor="x", sort="id")) == {
        "sort": ["The selected sort is invalid."],
        "cursor": [INVALID],
    }


async def test_lists_without_cursors_do_not_know_the_parameter(api: Api) -> None:
    for path in ("/api/lead-statuses", "/api/categories", "/api/team", "/api/custom-fields", "/api/clients"):
        assert errors(await api.get(path, cursor="*")) == {"cursor": ["The cursor field is not recognised."]}
