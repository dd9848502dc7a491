"""What a new database is shipped with (contract, end of section 4)."""

from tests.client import Api
from tests.conftest import Serve

STATUSES = [
    {"id": 1, "title": "New", "color": "default", "position": 1, "is_system": True},
    {"id": 5, "title": "Contacted", "color": "warning", "position": 2, "is_system": False},
    {"id": 3, "title": "Qualified", "color": "info", "position": 3, "is_system": False},
    {"id": 7, "title": "Disqualified", "color": "danger", "position": 4, "is_system": False},
    {"id": 4, "title": "Proposal Sent", "color": "lime", "position": 5, "is_system": False},
    {"id": 2, "title": "Converted", "color": "success", "position": 6, "is_system": True},
]


async def test_the_shipped_statuses_are_there_in_their_order(untouched: Api) -> None:
    answer = await untouched.get("/api/lead-statuses")

    assert answer.json() == {
        "data": STATUSES,
        "meta": {"current_page": 1, "per_page": 25, "total": 6, "last_page": 1},
        "message": "Lead statuses retrieved successfully.",
    }


async def test_the_shipped_categories_are_there(untouched: Api) -> None:
    answer = await untouched.get("/api/categories")

    assert answer.json()["data"] == [
        {"id": 2, "name": "Default", "type": "client", "is_default": True},
        {"id": 3, "name": "Default", "type": "lead", "is_default": True},
    ]


async def test_the_shipped_team_is_the_admin(untouched: Api) -> None:
    answer = await untouched.get("/api/team")

    (admin,) = answer.json()["data"]
    assert (admin["id"], admin["name"], admin["status"]) == (1, "Admin", "active")


async def test_there_are_no_custom_fields_leads_or_clients(untouched: Api) -> None:
    for path in ("/api/custom-fields", "/api/leads", "/api/clients"):
        answer = await untouched.get(path)

        assert answer.json()["data"] == []
        assert answer.json()["meta"] == {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1}


async def test_another_start_leaves_everything_as_it_was_made(serve: Serve) -> None:
    async with serve() as api:
        await api.patch("/api/lead-statuses/5", {"title": "Called", "position": 9})
        await api.delete("/api/lead-statuses/7")
        await api.patch("/api/categories/3", {"name": "Prospects"})
        await api.patch("/api/team/1", {"first_name": "Ada", "last_name": "Poe", "email": "ada@crm.example"})
        lead = await api.lead()
        paths = ("/api/lead-statuses", "/api/categories", "/api/team", "/api/leads")
        before = [(await api.get(path)).json() for path in paths]

    async with serve() as api:
        after = [(await api.get(path)).json() for path in paths]
        second = await api.lead()

    assert after == before
    assert [status["id"] for status in after[0]["data"]] == [1, 3, 4, 2, 5]
    assert second["id"] > lead["id"]


async def test_ids_go_on_after_the_shipped_ones(api: Api) -> None:
    made = [await api.status(), await api.category(), await api.member(), await api.custom_field()]

    assert [record["id"] for record in made] == [8, 4, 2, 1]
