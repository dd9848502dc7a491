"""Pages of large leads: bounded in bytes as well as in number (contract, "List" and "Cursor paging")."""

from collections.abc import AsyncIterator

import pytest

from leads_api.mongo.long_values import LONG_BYTES
from tests.client import Api, errors
from tests.conftest import Serve

MAX_BYTES = 65_536
HALF = "x" * (MAX_BYTES // 2 - 3_000)
"""Two leads with such a description fit on a page, three do not."""


@pytest.fixture
async def api(serve: Serve) -> AsyncIterator[Api]:
    async with serve(max_page_bytes=MAX_BYTES) as api:
        yield api


@pytest.mark.parametrize("sort", ["lead_title", "lead_value", "lead_created", "lead_last_contacted"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_by_cursor_a_page_has_as_many_leads_as_fit_and_the_walk_meets_all(
    api: Api, sort: str, order: str
) -> None:
    made = [await api.lead(lead_description=HALF, lead_value=number % 2) for number in range(5)]
    made.append(await api.lead(lead_value=1))
    pages = []
    cursor: str | None = "*"
    while cursor is not None:
        answer = await api.get("/api/leads", sort=sort, order=order, limit=100, cursor=cursor)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["data"])
        cursor = answer.json()["meta"]["next_cursor"]

    walked = [lead for page in pages for lead in page]
    by_value = [(lead["value"] if sort == "lead_value" else "", lead["id"]) for lead in walked]
    assert sorted(walked, key=lambda lead: lead["id"]) == made
    assert by_value == sorted(by_value, reverse=order == "desc")
    assert max(len(page) for page in pages) in {2, 3}
    assert len(pages) == 3


async def test_by_number_a_page_that_is_too_large_says_what_to_do(api: Api) -> None:
    made = [await api.lead(lead_description=HALF) for _ in range(3)]

    refused = await api.get("/api/leads", limit=3)
    smaller = [(await api.get("/api/leads", limit=2, page=page)).json() for page in (1, 2)]

    (text,) = errors(refused)["limit"]
    assert "smaller" in text
    assert "cursor=*" in text
    assert smaller[0]["data"] + smaller[1]["data"] == made[::-1]
    assert [page["meta"]["total"] for page in smaller] == [3, 3]


async def test_a_single_lead_is_shown_however_large_it_is(api: Api) -> None:
    lead = await api.lead(lead_description="€" * 65_000)

    by_number = await api.get("/api/leads", limit=1)
    by_cursor = await api.get("/api/leads", cursor="*")

    assert by_number.json()["data"] == by_cursor.json()["data"] == [lead]
    assert by_cursor.json()["meta"]["next_cursor"] is None


@pytest.mark.parametrize("size", [0, LONG_BYTES - 100, LONG_BYTES - 50, LONG_BYTES, LONG_BYTES + 1])
async def test_long_and_short_leads_are_listed_as_they_are_shown(api: Api, size: int) -> None:
    await api.custom_field("notes", "paragraph")
    lead = await api.lead(lead_description="x" * size, notes="short")
    other = await api.lead(lead_description="short", notes="y" * size)
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["a", "b"]})

    listed = (await api.get("/api/leads", order="asc")).json()["data"]

    assert listed == [await api.shown(lead["id"]), await api.shown(other["id"])]
