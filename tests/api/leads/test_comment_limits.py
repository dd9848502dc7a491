"""How many comments a lead holds, and how much of their text (contract, "Comments": two settings)."""

from tests.client import Api, Json, errors
from tests.conftest import Serve


async def _texts(api: Api, lead: Json) -> list[str]:
    return [comment["text"] for comment in (await api.get(f"/api/leads/{lead['id']}/comments")).json()["data"]]


async def test_one_comment_over_the_count_is_refused_until_one_is_deleted(serve: Serve) -> None:
    async with serve(max_comments=3) as api:
        lead, other = await api.lead(), await api.lead()
        comments = [await api.comment(lead["id"], str(number)) for number in range(3)]
        full = await api.shown(lead["id"])

        refused = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "3"})

        assert list(errors(refused)) == ["comment"]
        assert await api.shown(lead["id"]) == full
        assert (await api.comment(other["id"]))["text"] == "Called."
        await api.delete(f"/api/leads/{lead['id']}/comments/{comments[0]['id']}")
        await api.comment(lead["id"], "3")
        assert await _texts(api, lead) == ["3", "2", "1"]


async def test_one_byte_of_text_over_the_size_is_refused_until_something_is_deleted(serve: Serve) -> None:
    async with serve(max_comment_bytes=1024) as api:
        lead = await api.lead()
        first = await api.comment(lead["id"], "é" * 500)  # 1 000 bytes

        over = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "x" * 25})
        await api.comment(lead["id"], "x" * 24)
        full = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "x"})
        await api.delete(f"/api/leads/{lead['id']}/comments/{first['id']}")
        await api.comment(lead["id"], "y" * 1000)
        full_again = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "x"})

        assert [list(errors(answer)) for answer in (over, full, full_again)] == [["comment"]] * 3
        assert await _texts(api, lead) == ["y" * 1000, "x" * 24]
        assert (await api.shown(lead["id"]))["comments_count"] == 2


async def test_a_comment_larger_than_all_may_be_together_is_refused(serve: Serve) -> None:
    async with serve(max_comment_bytes=1024) as api:
        lead = await api.lead()

        answer = await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "x" * 1025})

        assert list(errors(answer)) == ["comment"]
        assert await api.shown(lead["id"]) == lead


async def test_an_unknown_lead_is_not_found_though_the_comment_would_be_too_large(serve: Serve) -> None:
    async with serve(max_comment_bytes=1024) as api:
        answer = await api.post("/api/leads/99/comments", {"comment": "x" * 1025})

        assert (answer.status_code, answer.json()) == (404, {"message": "Lead not found."})
