"""Comments on checklist items (contract, section 4, "Checklists")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors
from tests.conftest import Serve


@pytest.fixture
async def item(api: Api) -> str:
    """Return the path of an item."""
    lead = await api.lead()
    made = await api.item(lead["id"])
    return f"/api/checklists/{made['id']}"


async def say(api: Api, item: str, text: str = "Called.") -> Json:
    answer = await api.post(f"{item}/comments", {"comment": text})
    assert answer.status_code == 201, answer.text
    comment: Json = answer.json()["data"]
    return comment


async def count(api: Api, item: str) -> int:
    found: int = (await api.get(item)).json()["data"]["comments_count"]
    return found


async def test_a_comment_is_shown_with_who_wrote_it_and_when(api: Api, item: str) -> None:
    answer = await api.post(f"{item}/comments", {"comment": " Called <her>.\nTwice. "})

    assert answer.status_code == 201
    comment = answer.json()["data"]
    assert comment["text"] == "Called <her>.\nTwice."
    assert comment["creator"] == {"id": 1, "name": "Admin"}
    assert list(comment) == ["id", "text", "creator", "dates"]
    assert list(comment["dates"]) == ["created"]
    assert answer.json()["message"] == "Checklist comment added successfully."
    assert answer.headers["Location"] == f"{item}/comments"
    assert await count(api, item) == 1


async def test_comments_are_listed_newest_first_with_meta(api: Api, item: str) -> None:
    comments = [await say(api, item, text) for text in "abc"]

    whole = (await api.get(f"{item}/comments")).json()
    second = (await api.get(f"{item}/comments", page=2, limit=2)).json()

    assert whole == {
        "data": comments[::-1],
        "meta": {"current_page": 1, "per_page": 25, "total": 3, "last_page": 1},
        "message": "Checklist comments retrieved successfully.",
    }
    assert second["data"] == [comments[0]]
    assert second["meta"] == {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "The comment field is required."),
        ({"comment": "\n "}, "The comment field is required."),
        ({"comment": 1}, "The comment field must be a string."),
        ({"comment": "x" * 10_001}, "The comment field must not be greater than 10000 characters."),
        ({"comment": "a\x07"}, "The comment field contains characters that are not allowed."),
    ],
)
async def test_faults_are_told(api: Api, item: str, body: Any, fault: str) -> None:
    answer = await api.post(f"{item}/comments", body)

    assert errors(answer) == {"comment": [fault]}
    assert await count(api, item) == 0


async def test_a_form_can_bring_a_comment_of_the_full_length(api: Api, item: str) -> None:
    answer = await api.post(f"{item}/comments", data={"comment": "ü" * 10_000})

    assert answer.status_code == 201
    assert answer.json()["data"]["text"] == "ü" * 10_000


async def test_a_comment_is_deleted_where_it_is_and_nowhere_else(api: Api, item: str) -> None:
    lead = await api.lead()
    other = f"/api/checklists/{(await api.item(lead['id']))['id']}"
    kept, comment = await say(api, item), await say(api, item)

    elsewhere = await api.delete(f"{other}/comments/{comment['id']}")
    here = await api.delete(f"{item}/comments/{comment['id']}")
    again = await api.delete(f"{item}/comments/{comment['id']}")

    assert here.json() == {"data": {"id": comment["id"]}, "message": "Checklist comment deleted successfully."}
    for missing in (elsewhere, again):
        assert missing.status_code == 404
        assert missing.json() == {"message": "Comment not found."}
    assert (await api.get(f"{item}/comments")).json()["data"] == [kept]
    assert await count(api, item) == 1


async def test_comments_do_not_go_to_a_clone(api: Api) -> None:
    lead = await api.lead()
    made = await api.item(lead["id"], "Call")
    await say(api, f"/api/checklists/{made['id']}")
    await api.put(f"/api/checklists/{made['id']}/status", {"status": "completed"})

    clone = await api.post(
        f"/api/leads/{lead['id']}/clone", {"lead_title": "Twin", "lead_status": 1, "copy_checklist": "on"}
    )

    listed = await api.get("/api/checklists", resource_type="lead", resource_id=clone.json()["data"]["id"])
    (copy,) = listed.json()["data"]
    assert (copy["text"], copy["status"], copy["position"], copy["comments_count"]) == ("Call", "pending", 1, 0)
    assert (await api.get(f"/api/checklists/{copy['id']}/comments")).json()["data"] == []


async def test_an_item_takes_as_many_comments_as_a_lead_does(serve: Serve) -> None:
    async with serve(max_comments=2) as api:
        made = await api.item((await api.lead())["id"])
        path = f"/api/checklists/{made['id']}"
        comments = [await say(api, path), await say(api, path)]

        refused = await api.post(f"{path}/comments", {"comment": "One more"})
        await api.delete(f"{path}/comments/{comments[0]['id']}")
        taken = await api.post(f"{path}/comments", {"comment": "One more"})

    assert errors(refused).keys() == {"comment"}
    assert taken.status_code == 201
