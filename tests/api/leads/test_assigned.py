"""PUT /api/leads/{id}/assigned (contract, "Status, assigned, tags, archive, activate")."""

from typing import Any

import pytest

from tests.client import Api, Json, errors


async def _assign(api: Api, lead: Json, *members: Json) -> list[Json]:
    answer = await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [member["id"] for member in members]})
    assert answer.status_code == 200, answer.text
    assigned: list[Json] = answer.json()["data"]["assigned"]
    return assigned


async def test_the_assignees_are_replaced_as_a_whole(api: Api) -> None:
    lead, sam, kim = await api.lead(), await api.member("Sam"), await api.member("Kim")
    await _assign(api, lead, sam)

    answered = await _assign(api, lead, kim)

    assert answered == [{"id": kim["id"], "name": "Kim Lee"}]
    assert (await api.shown(lead["id"]))["assigned"] == answered


async def test_an_empty_array_clears(api: Api) -> None:
    lead, sam = await api.lead(), await api.member()
    await _assign(api, lead, sam)

    assert await _assign(api, lead) == []
    assert (await api.shown(lead["id"]))["assigned"] == []


async def test_repeated_ids_collapse(api: Api) -> None:
    lead, sam = await api.lead(), await api.member()

    assert await _assign(api, lead, sam, sam, sam) == [{"id": sam["id"], "name": "Sam Lee"}]


async def test_assignees_are_answered_by_first_name_then_last_name_then_id(api: Api) -> None:
    lead = await api.lead()
    zoe = await api.member("Zoe", "Abel")
    sam_young = await api.member("Sam", "Young")
    sam_lee_1 = await api.member("Sam", "Lee", email="one@crm.example")
    sam_lee_2 = await api.member("Sam", "Lee", email="two@crm.example")
    adam = await api.member("adam", "Zimmer")

    answered = await _assign(api, lead, zoe, sam_lee_2, sam_young, sam_lee_1, adam)

    expected = [adam, sam_lee_1, sam_lee_2, sam_young, zoe]
    assert answered == [{"id": member["id"], "name": member["name"]} for member in expected]
    assert (await api.shown(lead["id"]))["assigned"] == answered
    assert (await api.get("/api/leads")).json()["data"][0]["assigned"] == answered


@pytest.mark.parametrize("body", [{}, {"assigned": None}])
async def test_assignees_must_be_present(api: Api, body: Json) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", body)

    assert errors(answer) == {"assigned": ["The assigned field must be present."]}


@pytest.mark.parametrize("value", [1, "1", {"0": 1}, True])
async def test_assignees_must_be_an_array(api: Api, value: Any) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": value})

    assert errors(answer) == {"assigned": ["The assigned field must be an array."]}


async def test_faults_of_the_items_are_told_by_their_place_and_nobody_is_assigned(api: Api) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": ["x", 1, 99, 2.5, 0, [1]]})

    assert errors(answer) == {
        "assigned.0": ["The assigned.0 field must be an integer."],
        "assigned.2": ["The selected assigned.2 is invalid."],
        "assigned.3": ["The assigned.3 field must be an integer."],
        "assigned.4": ["The selected assigned.4 is invalid."],
        "assigned.5": ["The assigned.5 field must be an integer."],
    }
    assert await api.shown(lead["id"]) == lead


async def test_more_than_a_hundred_assignees_are_refused(api: Api) -> None:
    lead = await api.lead()

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": list(range(1, 102))})

    assert errors(answer) == {"assigned": ["The assigned field must not have more than 100 items."]}


async def test_someone_who_is_suspended_or_deleted_or_no_team_user_cannot_be_assigned(api: Api) -> None:
    lead = await api.lead()
    suspended, deleted = await api.member("Sam", status="suspended"), await api.member("Kim")
    assert (await api.delete(f"/api/team/{deleted['id']}")).status_code == 200
    owner = (await api.client((await api.lead())["id"]))["owner"]

    answer = await api.put(
        f"/api/leads/{lead['id']}/assigned", {"assigned": [suspended["id"], deleted["id"], owner["id"], 1]}
    )

    assert errors(answer) == {f"assigned.{n}": [f"The selected assigned.{n} is invalid."] for n in range(3)}


@pytest.mark.parametrize("name", ["assigned[]", "assigned"])
async def test_assignees_are_taken_from_a_form(api: Api, name: str) -> None:
    lead, sam = await api.lead(), await api.member()

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", data={name: ["1", str(sam["id"])]})

    assert [person["name"] for person in answer.json()["data"]["assigned"]] == ["Admin", "Sam Lee"]


async def test_one_empty_value_in_a_form_clears(api: Api) -> None:
    lead, sam = await api.lead(), await api.member()
    await _assign(api, lead, sam)

    answer = await api.put(f"/api/leads/{lead['id']}/assigned", data={"assigned[]": ""})

    assert answer.status_code == 200
    assert answer.json()["data"]["assigned"] == []


async def test_who_is_assigned_finds_the_lead_in_the_list(api: Api) -> None:
    lead, sam = await api.lead(), await api.member()
    await api.lead()
    await _assign(api, lead, sam)

    found = (await api.get("/api/leads", assigned_user_id=sam["id"])).json()["data"]

    assert [one["id"] for one in found] == [lead["id"]]


async def test_a_new_name_shows_without_a_change_of_the_lead(api: Api) -> None:
    lead, sam = await api.lead(), await api.member("Sam", "Lee")
    await _assign(api, lead, sam)
    before = await api.shown(lead["id"])

    await api.patch(f"/api/team/{sam['id']}", {"first_name": "Samantha"})

    assert await api.shown(lead["id"]) == before | {"assigned": [{"id": sam["id"], "name": "Samantha Lee"}]}
