"""The team (contract, section 4)."""

from typing import Any

import httpx
import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.client import Api, Json, errors
from tests.conftest import Serve

TEAM = "/api/team"
SAM = {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"}
TAKEN = {"email": ["The email has already been taken."]}


async def assign(api: Api, lead: Json, *members: int) -> httpx.Response:
    return await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": list(members)})


async def key_of(database: Database, member: int) -> dict[str, dict[str, str]]:
    _, key = await KeyStore(database, Ids(database)).create("a test", user=member)
    return {"headers": {"Authorization": f"Bearer {key}"}}


async def test_a_new_member_is_active_and_called_by_both_names(api: Api) -> None:
    answer = await api.post(TEAM, SAM)

    assert answer.json()["data"] == SAM | {"id": 2, "name": "Sam Lee", "status": "active"}


async def test_a_member_can_begin_suspended_and_an_empty_status_means_active(api: Api) -> None:
    suspended = await api.post(TEAM, SAM | {"status": "suspended"})
    active = await api.patch(f"{TEAM}/2", {"status": ""})

    assert suspended.json()["data"]["status"] == "suspended"
    assert active.json()["data"]["status"] == "active"


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("first_name", None, "The first name field is required."),
        ("first_name", "  ", "The first name field is required."),
        ("last_name", "", "The last name field is required."),
        ("email", None, "The email field is required."),
        ("first_name", 1, "The first name field must be a string."),
        ("first_name", "x" * 101, "The first name field must not be greater than 100 characters."),
        ("last_name", "x" * 101, "The last name field must not be greater than 100 characters."),
        ("last_name", "a\x01b", "The last name field contains characters that are not allowed."),
        ("email", f"{'x' * 140}@crm.example", "The email field must not be greater than 150 characters."),
        ("email", "sam", "The email field must be a valid email address."),
        ("email", "sam@localhost", "The email field must be a valid email address."),
        ("email", "sam@lee@crm.example", "The email field must be a valid email address."),
        ("email", "sam lee@crm.example", "The email field must be a valid email address."),
        ("email", "@crm.example", "The email field must be a valid email address."),
        ("status", "retired", "The selected status is invalid."),
        ("status", True, "The selected status is invalid."),
    ],
)
async def test_a_fault_is_told_of_a_new_member_and_of_a_changed_one(
    untouched: Api, field: str, value: object, fault: str
) -> None:
    created = await untouched.post(TEAM, SAM | {field: value})
    changed = await untouched.patch(f"{TEAM}/1", {field: value})

    assert errors(created) == {field: [fault]}
    assert errors(changed) == {field: [fault]}


async def test_names_of_the_full_length_and_any_letters_are_welcome(api: Api) -> None:
    first, last, email = "Ł" * 100, "李" * 100, f"jürgen@{'x' * 63}.{'y' * 63}.e.example"

    answer = await api.post(TEAM, {"first_name": f" {first} ", "last_name": last, "email": f" {email} "})

    assert answer.status_code == 201, answer.text
    member = answer.json()["data"]
    assert (member["first_name"], member["last_name"], member["email"]) == (first, last, email)


async def test_an_email_belongs_to_one_of_all_users_in_any_case(api: Api) -> None:
    await api.post(TEAM, SAM)
    lead = await api.lead()
    await api.client(lead["id"], email="owner@acme.example")

    members = await api.post(TEAM, SAM | {"email": "SAM@CRM.example"})
    clients = await api.post(TEAM, SAM | {"email": "Owner@Acme.Example"})
    changed = await api.patch(f"{TEAM}/2", {"email": "OWNER@ACME.EXAMPLE"})
    own = await api.patch(f"{TEAM}/2", {"email": "Sam@CRM.example"})

    assert [errors(answer) for answer in (members, clients, changed)] == [TAKEN, TAKEN, TAKEN]
    assert own.json()["data"]["email"] == "Sam@CRM.example"


async def test_a_clients_user_is_no_member(api: Api) -> None:
    lead = await api.lead()
    client = await api.client(lead["id"])
    owner = client["owner"]["id"]
    path = f"{TEAM}/{owner}"

    found = [await api.get(path), await api.patch(path, {"first_name": "x"}), await api.delete(path)]
    assigned = await assign(api, lead, owner)

    assert [answer.status_code for answer in found] == [404, 404, 404]
    assert errors(assigned) == {"assigned.0": ["The selected assigned.0 is invalid."]}
    assert [member["id"] for member in (await api.get(TEAM)).json()["data"]] == [1]


async def test_the_team_is_listed_by_id(api: Api) -> None:
    await api.member("Zoe", "Adams")
    await api.member("Adam", "Zuse")

    answer = await api.get(TEAM)

    assert [(member["id"], member["name"]) for member in answer.json()["data"]] == [
        (1, "Admin"),
        (2, "Zoe Adams"),
        (3, "Adam Zuse"),
    ]


async def test_a_deleted_member_is_taken_from_every_lead_and_from_no_other_assignment(api: Api) -> None:
    sam, kim = await api.member(), await api.member("Kim", "Poe")
    leads = [await api.lead(), await api.lead(), await api.lead()]
    await assign(api, leads[0], sam["id"], kim["id"])
    await assign(api, leads[1], sam["id"])
    await api.put(f"/api/leads/{leads[1]['id']}/archive")

    answer = await api.delete(f"{TEAM}/{sam['id']}")

    assert answer.status_code == 200
    shown = [(await api.shown(lead["id"]))["assigned"] for lead in leads]
    assert shown == [[{"id": kim["id"], "name": "Kim Poe"}], [], []]
    assert (await api.get("/api/leads", assigned_user_id=sam["id"])).json()["data"] == []


async def test_taking_a_member_from_a_lead_is_a_change_of_that_lead(api: Api) -> None:
    sam, lead, other = await api.member(), await api.lead(), await api.lead()
    before = (await assign(api, lead, sam["id"])).json()["data"]

    await api.delete(f"{TEAM}/{sam['id']}")

    after = await api.shown(lead["id"])
    assert after["version"] > before["version"]
    assert after["dates"]["updated"] >= before["dates"]["updated"]
    assert await api.shown(other["id"]) == other


async def test_a_deleted_member_cannot_be_assigned_and_others_still_can(api: Api) -> None:
    sam, kim, lead = await api.member(), await api.member("Kim", "Poe"), await api.lead()
    await api.delete(f"{TEAM}/{sam['id']}")

    answer = await assign(api, lead, kim["id"], sam["id"], 999)

    assert errors(answer) == {
        "assigned.1": ["The selected assigned.1 is invalid."],
        "assigned.2": ["The selected assigned.2 is invalid."],
    }


async def test_user_1_cannot_be_deleted(untouched: Api) -> None:
    answer = await untouched.delete(f"{TEAM}/1")

    assert answer.status_code == 409
    assert list(answer.json()) == ["message"]
    assert (await untouched.get(f"{TEAM}/1")).status_code == 200


async def test_a_suspended_member_stays_where_they_are_but_cannot_be_assigned(api: Api) -> None:
    sam, lead = await api.member(), await api.lead()
    await assign(api, lead, sam["id"])
    await api.patch(f"{TEAM}/{sam['id']}", {"status": "suspended"})

    refused = await assign(api, lead, sam["id"])
    shown = await api.shown(lead["id"])
    await api.patch(f"{TEAM}/{sam['id']}", {"status": "active"})
    taken = await assign(api, lead, sam["id"])

    assert errors(refused) == {"assigned.0": ["The selected assigned.0 is invalid."]}
    assert shown["assigned"] == [{"id": sam["id"], "name": "Sam Lee"}]
    assert taken.status_code == 200


async def test_the_keys_of_a_suspended_member_answer_401_until_they_are_active_again(
    api: Api, database: Database
) -> None:
    sam = await api.member()
    key = await key_of(database, sam["id"])
    path = f"{TEAM}/{sam['id']}"

    statuses = [(await api.call("GET", TEAM, **key)).status_code]
    for status in ("suspended", "active"):
        await api.patch(path, {"status": status})
        statuses.append((await api.call("GET", TEAM, **key)).status_code)
    await api.delete(path)
    statuses.append((await api.call("GET", TEAM, **key)).status_code)

    assert statuses == [200, 401, 200, 401]


async def test_comments_keep_the_name_of_a_deleted_member(api: Api, database: Database) -> None:
    sam, lead = await api.member(), await api.lead()
    key: Any = await key_of(database, sam["id"])
    await api.post(f"/api/leads/{lead['id']}/comments", {"comment": "Called."}, **key)
    await api.patch(f"{TEAM}/{sam['id']}", {"last_name": "Poe"})
    await api.delete(f"{TEAM}/{sam['id']}")

    answer = await api.get(f"/api/leads/{lead['id']}/comments")

    assert [comment["creator"] for comment in answer.json()["data"]] == [{"id": sam["id"], "name": "Sam Poe"}]


async def test_the_email_of_a_deleted_member_is_free_for_a_client(api: Api) -> None:
    sam, lead = await api.member(), await api.lead()
    await api.delete(f"{TEAM}/{sam['id']}")

    client = await api.client(lead["id"], email=sam["email"].upper())

    assert client["owner"]["id"] > sam["id"]


async def test_the_first_member_cannot_be_suspended(api: Api) -> None:
    refused = await api.patch(f"{TEAM}/1", {"status": "suspended", "last_name": "X"})
    kept = await api.patch(f"{TEAM}/1", {"status": "active"})

    assert (refused.status_code, refused.json()) == (409, {"message": "The first team member cannot be suspended."})
    assert kept.json()["data"]["last_name"] == ""


async def test_a_first_member_whom_an_earlier_version_suspended_is_active_after_the_next_start(
    serve: Serve, database: Database
) -> None:
    async with serve() as api:
        await api.lead()
    await database["users"].update_one({"_id": 1}, {"$set": {"status": "suspended"}})

    async with serve() as api:
        assert (await api.get(f"{TEAM}/1")).json()["data"]["status"] == "active"
