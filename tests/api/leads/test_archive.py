"""PUT /api/leads/{id}/archive and /activate (contract, "Status, assigned, tags, archive, activate")."""

import pytest

from tests.client import Api
from tests.conftest import Serve


async def test_a_lead_is_archived_and_activated_again(api: Api) -> None:
    lead = await api.lead()

    archived = await api.put(f"/api/leads/{lead['id']}/archive")
    between = await api.shown(lead["id"])
    activated = await api.put(f"/api/leads/{lead['id']}/activate")

    assert archived.json()["data"] == between
    assert between["active_state"] == "archived"
    assert activated.json()["data"]["active_state"] == "active"
    assert (await api.shown(lead["id"]))["active_state"] == "active"


@pytest.mark.parametrize(("action", "state"), [("archive", "archived"), ("activate", "active")])
async def test_both_may_be_repeated(api: Api, action: str, state: str) -> None:
    lead = await api.lead()

    answers = [await api.put(f"/api/leads/{lead['id']}/{action}") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["data"]["active_state"] for answer in answers] == [state] * 3
    assert [answer.json()["data"]["version"] for answer in answers] == [2, 3, 4]


@pytest.mark.parametrize("action", ["archive", "activate"])
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b'{"active_state": "other"}', "application/json"),
        (b"\xff\xfe", "application/octet-stream"),
        (b"<xml/>", "text/xml"),
        (b"anything", ""),
    ],
)
async def test_a_body_is_not_parsed(api: Api, action: str, content: bytes, content_type: str) -> None:
    lead = await api.lead()

    answer = await api.put(
        f"/api/leads/{lead['id']}/{action}",
        content=content,
        headers={"Content-Type": content_type} if content_type else {},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("action", ["archive", "activate"])
async def test_a_body_over_the_limit_is_refused(serve: Serve, action: str) -> None:
    async with serve(max_body_bytes=1024) as api:
        lead = await api.lead()

        answer = await api.put(f"/api/leads/{lead['id']}/{action}", content=b"x" * 1025)

        assert answer.status_code == 413
        assert set(answer.json()) == {"message"}
        assert await api.shown(lead["id"]) == lead


async def test_archived_leads_are_listed_unless_filtered(api: Api) -> None:
    archived, active = await api.lead(), await api.lead()
    await api.put(f"/api/leads/{archived['id']}/archive")

    async def listed(**query: str) -> set[int]:
        return {lead["id"] for lead in (await api.get("/api/leads", **query)).json()["data"]}

    assert await listed() == {archived["id"], active["id"]}
    assert await listed(active_state="archived") == {archived["id"]}
    assert await listed(active_state="active") == {active["id"]}
