"""Leads under callers at the same moment (contract, "Clone", "Comments", "Delete"); conversions have their own file."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import httpx

from leads_api.mongo.client import Database
from tests.client import Api, Json
from tests.conftest import Serve

MANY = 40


def statuses(answers: Iterable[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


async def leads(api: Api, count: int) -> list[int]:
    return [lead["id"] for lead in await asyncio.gather(*(api.lead() for _ in range(count)))]


async def test_a_clone_of_a_lead_that_is_deleted_meanwhile_is_whole_or_absent(
    api: Api, second: Api, database: Database
) -> None:
    for lead in await leads(api, 8):
        for text in ("Call", "Write", "Visit"):
            await api.item(lead, text)

        cloned, deleted = await asyncio.gather(
            api.post(f"/api/leads/{lead}/clone", {"lead_title": "Clone", "lead_status": 1, "copy_checklist": "on"}),
            second.delete(f"/api/leads/{lead}"),
        )

        assert deleted.status_code == 200
        assert cloned.status_code in {201, 404}
        copies = [item async for item in database["checklists"].find()]
        if cloned.status_code == 404:
            assert copies == []
            assert await database["leads"].count_documents({"title": "Clone"}) == 0
            continue
        clone = cloned.json()["data"]["id"]
        assert sorted((item["lead"], item["text"]) for item in copies) == [
            (clone, "Call"),
            (clone, "Visit"),
            (clone, "Write"),
        ]
        await api.delete(f"/api/leads/{clone}")


async def test_comments_added_at_the_same_moment_are_all_there_and_counted(api: Api, second: Api) -> None:
    lead = await api.lead()

    comments = await asyncio.gather(*((api, second)[n % 2].comment(lead["id"], f"Comment {n}") for n in range(MANY)))

    listed = (await api.get(f"/api/leads/{lead['id']}/comments")).json()["data"]
    after = await api.shown(lead["id"])
    assert sorted(comment["id"] for comment in listed) == sorted(comment["id"] for comment in comments)
    assert {comment["text"] for comment in listed} == {f"Comment {n}" for n in range(MANY)}
    assert (after["comments_count"], after["version"]) == (MANY, 1 + MANY)


async def test_the_limit_of_comments_holds_under_callers_at_the_same_moment(
    serve: Serve,
) -> None:
    async with serve(max_comments=5) as api:
        lead = await api.lead()

        answers = await asyncio.gather(
            *(api.post(f"/api/leads/{lead['id']}/comments", {"comment": "Called."}) for _ in range(20))
        )

        assert statuses(answers) == {201: 5, 422: 15}
        assert (await api.shown(lead["id"]))["comments_count"] == 5


async def test_a_comment_is_deleted_once(api: Api, second: Api) -> None:
    lead = await api.lead()
    kept, comment = await api.comment(lead["id"], "Kept."), await api.comment(lead["id"])

    answers = await asyncio.gather(
        *((api, second)[n % 2].delete(f"/api/leads/{lead['id']}/comments/{comment['id']}") for n in range(10))
    )

    assert statuses(answers) == {200: 1, 404: 9}
    assert (await api.get(f"/api/leads/{lead['id']}/comments")).json()["data"] == [kept]
    after = await api.shown(lead["id"])
    assert (after["comments_count"], after["version"]) == (1, 4)


async def test_a_lead_is_deleted_once(api: Api, second: Api, database: Database) -> None:
    for lead in await leads(api, 3):
        await api.item(lead)

        answers = await asyncio.gather(*((api, second)[n % 2].delete(f"/api/leads/{lead}") for n in range(10)))

        assert statuses(answers) == {200: 1, 404: 9}
    assert await database["leads"].count_documents({}) == 0
    assert await database["checklists"].count_documents({}) == 0


async def test_changes_at_the_same_moment_all_count(api: Api, second: Api) -> None:
    lead = await api.lead()
    changes: list[tuple[str, Json | None]] = [
        ("status", {"status": 5}),
        ("tags", {"tags": ["hot"]}),
        ("archive", None),
        ("assigned", {"assigned": [1]}),
    ]

    answers = await asyncio.gather(
        *(
            (api, second)[n % 2].put(f"/api/leads/{lead['id']}/{action}", body)
            for n, (action, body) in enumerate(changes * 5)
        )
    )

    after = await api.shown(lead["id"])
    assert statuses(answers) == {200: 20}
    assert sorted(answer.json()["data"]["version"] for answer in answers) == list(range(2, 22))
    assert (after["status"]["id"], after["tags"], after["active_state"], after["version"]) == (
        5,
        ["hot"],
        "archived",
        21,
    )
    assert after["assigned"] == [{"id": 1, "name": "Admin"}]


async def test_checklist_items_made_at_the_same_moment_get_places_of_their_own(api: Api, second: Api) -> None:
    lead = await api.lead()

    items = await asyncio.gather(*((api, second)[n % 2].item(lead["id"], str(n)) for n in range(20)))

    assert sorted(item["position"] for item in items) == list(range(1, 21))
