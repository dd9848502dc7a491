"""`Link: rel="next"` of lists (contract, section 5, "Cursor paging"): a relative reference, as in RFC 8288."""

import re
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.client import Api


async def test_a_page_links_to_the_next_one(api: Api) -> None:
    await leads(api, 3)

    answer = await api.get("/api/leads", status=1, page=1, limit=2)

    assert following(answer) == ("/api/leads", {"status": "1", "page": "2", "limit": "2"})


async def test_a_link_names_the_page_also_where_the_request_did_not(api: Api) -> None:
    await leads(api, 26)

    answer = await api.get("/api/leads")

    assert answer.headers["Link"] == '</api/leads?page=2>; rel="next"'


async def test_other_parameters_are_kept_as_they_mean(api: Api) -> None:
    await leads(api, 2)
    sent = {"limit": "1", "search": "a&b=c +é", "sort": "lead_title", "order": "asc", "source": 'x>; rel="prev'}

    answers = [
        await api.get("/api/leads", **{**sent, "search": "acme", "source": ""}),
        await api.get("/api/leads", **sent),
    ]

    path, parameters = following(answers[0])
    assert path == "/api/leads"
    parameters.pop("source", None)  # an empty one means the same as none
    assert parameters == {"limit": "1", "search": "acme", "sort": "lead_title", "order": "asc", "page": "2"}
    assert "Link" not in answers[1].headers  # finds nothing


async def test_what_was_sent_cannot_break_out_of_the_link(api: Api) -> None:
    for _ in range(2):
        await api.lead(lead_source='x>; rel="prev", é&=')

    answer = await api.get("/api/leads", limit=1, source='x>; rel="prev", é&=')

    assert following(answer) == ("/api/leads", {"limit": "1", "source": 'x>; rel="prev", é&=', "page": "2"})


async def test_following_the_links_meets_every_lead_once(api: Api) -> None:
    await leads(api, 5)

    for begin in ("/api/leads?limit=2&page=1", "/api/leads?limit=2&cursor=*", "/api/leads?limit=2"):
        met: list[int] = []
        url: str | None = begin
        while url is not None:
            assert len(met) < 5, "the links go in circles"
            answer = await api.get(url)
            met += [lead["id"] for lead in answer.json()["data"]]
            url = answer.links["next"]["url"] if "Link" in answer.headers else None

        assert met == [5, 4, 3, 2, 1], begin


async def test_a_page_of_a_walk_links_to_the_next_cursor(api: Api) -> None:
    await leads(api, 2)

    answer = await api.get("/api/leads", cursor="*", limit=1)

    assert following(answer) == ("/api/leads", {"cursor": answer.json()["meta"]["next_cursor"], "limit": "1"})


@pytest.mark.parametrize("page", [2, 3, 2**63 - 1])
async def test_the_last_page_and_those_past_it_link_nowhere(api: Api, page: int) -> None:
    await leads(api, 2)

    answer = await api.get("/api/leads", limit=1, page=page)

    assert "Link" not in answer.headers


async def test_the_end_of_a_walk_links_nowhere(api: Api) -> None:
    await leads(api, 2)

    answer = await api.get("/api/leads", cursor="*", limit=2)

    assert "Link" not in answer.headers


async def test_every_list_that_has_pages_links_to_the_next(api: Api) -> None:
    (lead,) = await leads(api, 1)
    for number in range(2):
        await api.category(f"Partners {number}")
        await api.member(f"Sam{number}")
        await api.custom_field(f"colour_{number}")
        await api.comment(lead)
    for _ in range(2):
        await api.client((await api.lead())["id"])
        item = await api.item(lead)
        for _ in range(2):
            await api.post(f"/api/checklists/{item['id']}/comments", {"comment": "x"})

    for path in (
        "/api/lead-statuses", "/api/categories", "/api/team", "/api/custom-fields", "/api/clients",
        f"/api/checklists?resource_type=lead&resource_id={lead}", f"/api/leads/{lead}/comments",
        f"/api/checklists/{item['id']}/comments",
    ):  # fmt: skip
        url = f"{path}{'&' if '?' in path else '?'}limit=1"
        answer = await api.get(url)
        second = await api.get(answer.links["next"]["url"])
        assert second.json()["meta"]["current_page"] == 2, path
        assert second.json()["data"] != answer.json()["data"]


async def test_head_carries_the_link_too_and_other_answers_carry_none(api: Api) -> None:
    (lead, _) = await leads(api, 2)

    head = await api.call("HEAD", "/api/leads?limit=1")
    others = [
        await api.get(f"/api/leads/{lead}"),
        await api.get(f"/api/leads/{lead}/comments"),
        await api.get("/api/leads", page=0),
    ]

    assert following(head) == ("/api/leads", {"limit": "1", "page": "2"})
    assert ["Link" in answer.headers for answer in others] == [False] * 3


async def leads(api: Api, count: int) -> list[int]:
    """Create so many leads; return their ids."""
    return [(await api.lead())["id"] for _ in range(count)]


def following(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """Return the path and the parameters of the one link of an answer."""
    assert answer.status_code == 200, answer.text
    matched = re.fullmatch(r'<(/[^<>?"\s]*)\?([^<>"\s]*)>; rel="next"', answer.headers["Link"])
    assert matched, answer.headers["Link"]
    pairs = parse_qsl(matched[2], keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return matched[1], dict(pairs)
