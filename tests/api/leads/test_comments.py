"""GET, POST and DELETE /api/leads/{id}/comments (contract, "Comments")."""

from typing import Any

import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.client import Api, Json, errors


async def _listed(api: Api, lead: Json, **query: Any) -> Json:
    answer = await api.get(f"/api/leads/{lead['id']}/comments", **query)
    assert answer.status_code == 200, answer.text
    listed: Json = answer.json()
    return listed


async def _texts(api: Api, lead: Json, **query: Any) -> list[str]:
    return [comment["text"] for comment in (await _listed(api, lead, **query))["data"]]


async def test_a_comment_is_answered_whole(api: Api) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "  Called.\nNo answer. "})

    assert answer.status_code == 201
    comment = answer.json()["data"]
    assert comment == {
        "id": 1,
        "text": "Called.\nNo answer.",
        "creator": {"id": 1, "name": "Admin"},
        "dates": {"created": (await api.shown(lead["id"]))["dates"]["updated"]},
    }
    assert answer.headers["Location"] == f"/api/leads/{lead['id']}/comments"
    assert (await _listed(api, lead))["data"] == [comment]


async def test_comments_are_listed_newest_first_and_without_meta(api: Api) -> None:
    lead = await api.lead()
    for number in range(30):
        await api.comment(lead["id"], f"Comment {number}")

    listed = await _listed(api, lead)

    assert set(listed) == {"data", "message"}
    assert [comment["text"] for comment in listed["data"]] == [f"Comment {number}" for number in reversed(range(30))]


async def test_a_lead_without_comments_has_an_empty_list(api: Api) -> None:
    assert (await _listed(api, await api.lead()))["data"] == []


@pytest.mark.parametrize(
    ("query", "texts", "meta"),
    [
        ({"limit": 2}, ["4", "3"], {"current_page": 1, "per_page": 2, "total": 5, "last_page": 3}),
        ({"limit": 2, "page": 3}, ["0"], {"current_page": 3, "per_page": 2, "total": 5, "last_page": 3}),
        ({"limit": 2, "page": 9}, [], {"current_page": 9, "per_page": 2, "total": 5, "last_page": 3}),
        ({"page": 1}, ["4", "3", "2", "1", "0"], {"current_page": 1, "per_page": 25, "total": 5, "last_page": 1}),
        ({"limit": 500}, ["4", "3", "2", "1", "0"], {"current_page": 1, "per_page": 100, "total": 5, "last_page": 1}),
    ],
)
async def test_a_page_of_comments_comes_with_meta(api: Api, query: Json, texts: list[str], meta: Json) -> None:
    lead = await api.lead()
    for number in range(5):
        await api.comment(lead["id"], str(number))

    listed = await _listed(api, lead, **query)

    assert list(listed) == ["data", "meta", "message"]
    assert [comment["text"] for comment in listed["data"]] == texts
    assert listed["meta"] == meta


async def test_an_empty_page_and_limit_are_as_if_absent(api: Api) -> None:
    assert "meta" not in await _listed(api, await api.lead(), page="", limit="")


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"page": 0}, {"page": ["The page field must be at least 1."]}),
        ({"limit": 0}, {"limit": ["The limit field must be at least 1."]}),
        ({"page": "x", "limit": "-1"}, {
            "page": ["The page field must be an integer."], "limit": ["The limit field must be at least 1."]
        }),
        ({"sort": "id"}, {"sort": ["The sort field is not recognised."]}),
    ],
)  # fmt: skip
async def test_a_bad_query_is_told(api: Api, query: Json, fault: dict[str, list[str]]) -> None:
    lead = await api.lead()

    assert errors(await api.get(f"/api/leads/{lead['id']}/comments", **query)) == fault


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, {"comment": ["The comment field is required."]}),
        ({"comment": None}, {"comment": ["The comment field is required."]}),
        ({"comment": " \n "}, {"comment": ["The comment field is required."]}),
        ({"comment": 5}, {"comment": ["The comment field must be a string."]}),
        ({"comment": "x" * 10_001}, {"comment": ["The comment field must not be greater than 10000 characters."]}),
        ({"comment": "a\u0007b"}, {"comment": ["The comment field contains characters that are not allowed."]}),
        ({"comment": "a", "text": "b"}, {"text": ["The text field is not recognised."]}),
    ],
)
async def test_a_bad_comment_is_refused_and_not_kept(api: Api, body: Json, fault: dict[str, list[str]]) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/comments", body)

    assert errors(answer) == fault
    assert await api.shown(lead["id"]) == lead


async def test_a_comment_of_ten_thousand_characters_of_any_script_is_kept_as_sent(api: Api) -> None:
    lead = await api.lead()
    text = "<b>&amp; 汉字 🌞</b>\t".ljust(10_000, "é")

    await api.comment(lead["id"], text)

    assert await _texts(api, lead) == [text]


async def test_ids_are_unique_over_all_leads(api: Api) -> None:
    one, two = await api.lead(), await api.lead()

    ids = [(await api.comment(lead["id"]))["id"] for lead in (one, two, one, two)]

    assert ids == sorted(set(ids))


async def test_the_lead_counts_its_comments_and_never_shows_them(api: Api) -> None:
    lead = await api.lead()

    await api.comment(lead["id"])
    second = await api.comment(lead["id"])
    with_two = await api.shown(lead["id"])
    await api.delete(f"/api/leads/{lead['id']}/comments/{second['id']}")
    with_one = await api.shown(lead["id"])

    assert (with_two["comments_count"], with_one["comments_count"]) == (2, 1)
    assert (with_two["version"], with_one["version"]) == (3, 4)
    assert set(with_two) == set(lead)
    assert (await api.get("/api/leads")).json()["data"] == [with_one]


async def test_a_comment_is_deleted_and_the_others_stay(api: Api) -> None:
    lead = await api.lead()
    ids = {text: (await api.comment(lead["id"], text))["id"] for text in ("a", "b", "c")}

    answer = await api.delete(f"/api/leads/{lead['id']}/comments/{ids['b']}")

    assert answer.status_code == 200
    assert answer.json() == {"data": {"id": ids["b"]}, "message": "Lead comment deleted successfully."}
    assert await _texts(api, lead) == ["c", "a"]


async def test_a_comment_that_is_gone_or_of_another_lead_is_not_found(api: Api) -> None:
    lead, other = await api.lead(), await api.lead()
    gone, foreign = await api.comment(lead["id"]), await api.comment(other["id"])
    await api.delete(f"/api/leads/{lead['id']}/comments/{gone['id']}")
    before = await api.shown(lead["id"])

    answers = [await api.delete(f"/api/leads/{lead['id']}/comments/{i}") for i in (gone["id"], foreign["id"], 99)]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert [answer.json() for answer in answers] == [{"message": "Comment not found."}] * 3
    assert await api.shown(lead["id"]) == before
    assert await _texts(api, other) == ["Called."]


async def test_a_comment_of_an_unknown_lead_is_told_as_an_unknown_lead(api: Api) -> None:
    answer = await api.delete("/api/leads/99/comments/1")

    assert (answer.status_code, answer.json()) == (404, {"message": "Lead not found."})


async def test_a_converted_and_archived_lead_takes_comments(api: Api) -> None:
    lead = await api.lead()
    await api.client(lead["id"])
    await api.put(f"/api/leads/{lead['id']}/archive")

    await api.comment(lead["id"], "Still here.")

    assert await _texts(api, lead) == ["Still here."]


async def test_the_creator_is_the_user_of_the_key_by_the_present_name_also_after_that_user_was_deleted(
    api: Api, database: Database
) -> None:
    lead, sam = await api.lead(), await api.member("Sam", "Lee")
    _, key = await KeyStore(database, Ids(database)).create("Sam's", user=sam["id"])
    headers = {"Authorization": f"Bearer {key}"}

    async def creator() -> Json:
        (comment,) = (await _listed(api, lead))["data"]
        shown: Json = comment["creator"]
        return shown

    answer = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "Hello."}, headers=headers)
    assert answer.json()["data"]["creator"] == {"id": sam["id"], "name": "Sam Lee"}
    await api.patch(f"/api/team/{sam['id']}", {"last_name": "Young"})
    assert await creator() == {"id": sam["id"], "name": "Sam Young"}
    await api.delete(f"/api/team/{sam['id']}")
    assert await creator() == {"id": sam["id"], "name": "Sam Young"}


async def test_a_form_comments_too(api: Api) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/comments", data={"comment": "Grüße & Küsse"})

    assert answer.status_code == 201
    assert await _texts(api, lead) == ["Grüße & Küsse"]


async def test_a_page_of_many_comments_reads_only_its_own(api: Api, database: Database) -> None:
    lead = await api.lead()
    comments = [{"id": number, "text": f"Comment {number}", "creator": 1} for number in range(1, 8)]
    # As an earlier version would leave it: the count is wrong.
    await database["leads"].update_one({"_id": lead["id"]}, {"$set": {"comments": comments, "comments_count": 1}})
    all_texts = await _texts(api, lead)

    for limit in (1, 2, 3, 7, 8, 100):
        walked: list[str] = []
        for page in range(1, 9):
            listed = await _listed(api, lead, limit=limit, page=page)
            walked += [comment["text"] for comment in listed["data"]]
            assert listed["meta"]["total"] == 7
        assert walked == all_texts == [f"Comment {number}" for number in reversed(range(1, 8))]
    assert (await _listed(api, lead, page=2**63 - 1))["data"] == []


@pytest.mark.parametrize("comments", [None, "missing"])
async def test_a_lead_of_an_earlier_version_without_comments_has_an_empty_page(
    api: Api, database: Database, comments: str | None
) -> None:
    lead = await api.lead()
    change = {"$unset": {"comments": ""}} if comments else {"$set": {"comments": None}}
    await database["leads"].update_one({"_id": lead["id"]}, change)

    assert (await _listed(api, lead, limit=5))["meta"]["total"] == 0
    assert (await _listed(api, lead))["data"] == []
