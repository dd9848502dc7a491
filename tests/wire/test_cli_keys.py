"""`leads keys` beside a running service and without one (contract, section 6)."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bson
import pytest

from leads_api.mongo.client import Client, Database, start_session
from leads_api.mongo.transaction_runs import begin
from tests.wire.process import Service, free_port, leads, no_process_of, running, to_output, until

CACHE_SECONDS = 1


@pytest.fixture
async def service(tmp_path: Path, given: dict[str, str]) -> AsyncIterator[Service]:
    async with running(tmp_path, given=given, LEADS_CACHE_SECONDS=str(CACHE_SECONDS), LEADS_ACCESS_LOG="1") as service:
        yield service


async def create(*options: str, **given: str) -> str:
    """Create a key; return it, the only thing on standard output."""
    done = await leads("keys", "create", "--name", "Website", *options, **given)
    assert done.returncode == 0, done.stderr
    key = done.stdout.removesuffix("\n")
    assert re.fullmatch(r"[!-~]{32,}", key)
    assert key not in done.stderr
    return key


async def status(service: Service, key: str) -> int:
    return (await service.http.get("/api/leads", headers={"Authorization": f"Bearer {key}"})).status_code


async def refused_soon(service: Service, key: str) -> None:
    async def refused() -> bool:
        return await status(service, key) == 401

    await until(refused, "401", seconds=CACHE_SECONDS + 5)


async def listed(**given: str) -> list[list[str]]:
    """Return the rows of the list, by columns."""
    done = await leads("keys", "list", **given)
    assert done.returncode == 0, done.stderr
    return [re.split(r"\s{2,}", line) for line in done.stdout.splitlines()]


async def test_a_key_made_beside_a_running_service_works_at_once(service: Service, given: dict[str, str]) -> None:
    key = await create(**given)

    assert await status(service, key) == 200


async def test_a_key_is_shown_once_and_kept_nowhere(
    service: Service, given: dict[str, str], database: Database
) -> None:
    key = await create(**given)

    assert await status(service, key) == 200
    assert await status(service, key + "x") == 401

    secret = key.split("_", 2)[2]
    assert secret not in str(await listed(**given))
    assert secret not in service.log + service.out
    for collection in await database.list_collection_names():
        async for document in database[collection].find():
            assert secret.encode() not in bson.encode(document)


async def test_the_list_tells_all_but_the_key(given: dict[str, str]) -> None:
    await create(**given)
    await create("--expires", "2099-12-31", "--scope", "read", **given)
    await leads("keys", "revoke", "1", **given)

    head, first, second = await listed(**given)

    assert head == ["ID", "NAME", "USER", "SCOPE", "CREATED", "EXPIRES", "REVOKED"]
    today = datetime.now(UTC).strftime("%Y-")
    assert first[:4] == ["1", "Website", "1", "all"]
    assert first[4].startswith(today)
    assert first[5] == "-"
    assert first[6].startswith(today)
    assert second[:4] == ["2", "Website", "1", "read"]
    assert second[5] == "2099-12-31"
    assert second[6] == "-"


async def test_a_revoked_key_answers_401_within_the_seconds_of_the_cache(
    service: Service, given: dict[str, str]
) -> None:
    key, other = await create(**given), await create(**given)
    assert await status(service, key) == await status(service, other) == 200
    ((key_id, *_), *_) = (await listed(**given))[1:]

    done = await leads("keys", "revoke", key_id, **given)

    assert done.returncode == 0, done.stderr
    await refused_soon(service, key)
    assert await status(service, other) == 200


async def test_revoking_twice_is_no_fault(given: dict[str, str]) -> None:
    await create(**given)
    await leads("keys", "revoke", "1", **given)
    before = await listed(**given)

    again = await leads("keys", "revoke", "1", **given)

    assert again.returncode == 0, again.stderr
    assert await listed(**given) == before


async def test_a_key_is_good_on_its_last_day_and_not_on_the_next(
    service: Service, given: dict[str, str], database: Database
) -> None:
    today = datetime.now(UTC).date()  # it may end while this runs, hence the days around it
    good = await create("--expires", f"{today + timedelta(days=1)}", **given)
    ended = await create("--expires", "2099-12-31", **given)
    kept = {key["_id"]: key["expires"] async for key in database["keys"].find()}
    await database["keys"].update_one({"_id": 2}, {"$set": {"expires": datetime.now(UTC)}})

    assert kept[1].date() == today + timedelta(days=2)
    assert kept[2] == datetime(2100, 1, 1, tzinfo=kept[2].tzinfo)
    assert await status(service, good) == 200
    assert await status(service, ended) == 401


async def test_a_key_of_an_earlier_version_keeps_its_last_day(given: dict[str, str], database: Database) -> None:
    await create(**given)
    # Made there with --expires 2099-12-31, which was the first day on which it was no longer valid.
    await database["keys"].update_one({"_id": 1}, {"$set": {"expires": datetime(2099, 12, 31, tzinfo=UTC)}})

    (_, row) = await listed(**given)

    assert row[5] == "2099-12-30"


async def test_a_key_that_expires_while_it_is_remembered_answers_401(
    tmp_path: Path, given: dict[str, str], database: Database
) -> None:
    key = await create("--expires", "2099-12-31", **given)

    async with running(tmp_path, given=given, LEADS_CACHE_SECONDS="60") as service:
        expires = datetime.now(UTC) + timedelta(seconds=4)
        await database["keys"].update_one({"_id": 1}, {"$set": {"expires": expires}})
        before = await status(service, key)

        await refused_soon(service, key)

    assert before == 200


async def test_a_key_belongs_to_its_user(service: Service, given: dict[str, str]) -> None:
    member = await service.api.member("Sam", "Lee")
    lead = await service.api.lead()
    key = await create("--user", str(member["id"]), **given)
    by_key = {"Authorization": f"Bearer {key}"}

    comment = await service.http.post(f"/api/leads/{lead['id']}/comments", json={"comment": "Mine"}, headers=by_key)

    assert comment.status_code == 201
    assert comment.json()["data"]["creator"] == {"id": member["id"], "name": "Sam Lee"}
    assert ["1", "Website", str(member["id"])] in [row[:3] for row in await listed(**given)]

    await service.api.patch(f"/api/team/{member['id']}", {"status": "suspended"})

    await refused_soon(service, key)


async def test_a_key_with_the_scope_read_may_only_read(service: Service, given: dict[str, str]) -> None:
    key = await create("--scope", "read", **given)
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}

    answer = await service.http.post("/api/leads", json=body, headers={"Authorization": f"Bearer {key}"})

    assert await status(service, key) == 200
    assert (answer.status_code, answer.json()) == (403, {"message": "This API key may only read."})
    assert (await service.api.get("/api/leads")).json()["meta"]["total"] == 0


async def test_only_an_active_team_user_is_given_a_key(service: Service, given: dict[str, str]) -> None:
    member = await service.api.member(status="suspended")
    client = await service.api.client((await service.api.lead())["id"])

    for user in (member["id"], client["owner"]["id"], 999):
        done = await leads("keys", "create", "--name", "Website", "--user", str(user), **given)

        assert done.returncode == 1
        assert done.stdout == ""
        assert str(user) in done.stderr
        assert "Traceback" not in done.stderr
    assert await listed(**given) == [["ID", "NAME", "USER", "SCOPE", "CREATED", "EXPIRES", "REVOKED"]]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["create"], "--name"),
        (["create", "--name", "W", "--expires", "tomorrow"], "--expires"),
        (["create", "--name", "W", "--expires", "2027-02-30"], "--expires"),
        (["create", "--name", "W", "--expires", "2099-1-1"], "--expires"),
        (["create", "--name", "W", "--expires", "２０９９-01-01"], "--expires"),
        (["create", "--name", "W", "--expires", "2020-01-01"], "--expires"),
        (["create", "--name", "W", "--expires", "9999-12-31"], "--expires"),
        (["create", "--name", "W", "--scope", "write"], "--scope"),
        (["create", "--name", "W", "--scope", ""], "--scope"),
        (["create", "--name", ""], "--name"),
        (["create", "--name", " "], "--name"),
        (["create", "--name", "Web\nsite"], "--name"),
        (["create", "--name", "\x1b[31mred"], "--name"),
        (["create", "--name", "W\u202e"], "--name"),
        (["create", "--name", "W\udcff"], "--name"),
        (["create", "--name", "W" * 151], "--name"),
        (["create", "--name", "W", "--user", "99999999999999999999"], "--user"),
        (["revoke", "99999999999999999999"], "ID"),
        (["revoke", "9" * 5000], "ID"),
        (["revoke", "-1"], "ID"),
        (["revoke", "٥"], "ID"),
        (["create", "--name", "W", "--user", "0"], "--user"),
        (["create", "--name", "W", "--user", "Sam"], "--user"),
        (["revoke"], "ID"),
        (["revoke", "lk_1"], "ID"),
        (["revoke", "99"], "99"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_named(
    given: dict[str, str], arguments: list[str], named: str
) -> None:
    done = await leads("keys", *arguments, **given)

    assert done.returncode == (1 if named == "99" else 2)
    assert done.stdout == ""
    assert named in done.stderr.splitlines()[-1]
    assert done.stderr.count("\n") == (2 if named == "99" else 1)  # the first names the database


async def test_the_list_is_a_line_per_key_whatever_their_names(given: dict[str, str], database: Database) -> None:
    await create(**given)
    await database["keys"].update_one({"_id": 1}, {"$set": {"name": "Web\nsite\x1b[31m é"}})

    (_, row) = await listed(**given)

    assert row[1] == "Web\\nsite\\x1b[31m é"


async def test_keys_as_json(given: dict[str, str], service: Service) -> None:
    made = await leads("keys", "create", "--name", "Website", "--expires", "2099-12-31", "--json", **given)
    await create("--scope", "read", **given)
    revoked = await leads("keys", "revoke", "2", "--json", **given)
    every = await leads("keys", "list", "--json", **given)

    first, second = json.loads(every.stdout)
    given_key = json.loads(made.stdout)
    assert list(given_key) == ["id", "name", "key", "user_id", "scope", "expires", "revoked"]
    assert await status(service, given_key.pop("key")) == 200
    assert given_key == first == {
        "id": 1, "name": "Website", "user_id": 1, "scope": "all", "expires": "2099-12-31", "revoked": None,
    }  # fmt: skip
    assert json.loads(revoked.stdout) == second
    assert (second["id"], second["scope"], second["expires"]) == (2, "read", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", second["revoked"])
    assert {made.returncode, revoked.returncode, every.returncode} == {0}
    assert made.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("output", ["/dev/full", "a pipe that nobody reads", "none"])
async def test_a_key_that_could_not_be_shown_is_revoked(
    given: dict[str, str], database: Database, options: list[str], output: str
) -> None:
    command = ["keys", "create", "--name", "Website", *options]

    done = await to_output(output, *command, **given)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("so nobody has seen key 1. It is revoked.")
    assert "Traceback" not in done.stderr
    (key,) = [key async for key in database["keys"].find()]
    assert key["revoked"] is not None


async def test_a_key_that_is_locked_is_a_refusal_in_time(
    given: dict[str, str], database: Database, wire_client: Client
) -> None:
    await create(**given)
    session = await start_session(wire_client)
    await begin(session)
    try:
        await database["keys"].update_one({"_id": 1}, {"$set": {"name": "Held"}}, session=session)

        held = await leads("keys", "revoke", "1", **given)
    finally:
        await session.abort_transaction()
        await session.end_session()
    free = await leads("keys", "revoke", "1", **given)

    assert held.returncode == 1
    assert re.fullmatch(r"leads: the database cannot be used: \w+\. .*", held.stderr.splitlines()[-1])
    assert held.stderr.count("\n") == 2
    assert free.returncode == 0, free.stderr


async def test_without_a_database_the_command_ends_and_says_so() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"

    done = await leads("keys", "list", LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT="1")

    assert done.returncode == 1
    assert "database" in done.stderr
    assert "Traceback" not in done.stderr


async def test_keys_of_the_embedded_store_are_managed_with_and_without_a_service(
    tmp_path: Path, data_dir: Path
) -> None:
    folder = {"LEADS_DATA_DIR": str(data_dir)}
    async with running(tmp_path, given=folder):
        pass
    before = await create(**folder)
    assert await no_process_of(data_dir)

    async with running(tmp_path, given=folder, LEADS_CACHE_SECONDS=str(CACHE_SECONDS)) as service:
        beside = await create(**folder)
        assert await status(service, before) == await status(service, beside) == 200
        await leads("keys", "revoke", "1", **folder)
        await refused_soon(service, before)
        assert await status(service, beside) == 200

    assert await no_process_of(data_dir)
    assert len(await listed(**folder)) == 3


async def test_a_command_makes_no_database_and_says_where_it_looked(data_dir: Path) -> None:
    for command in (["keys", "list"], ["keys", "create", "--name", "Website"], ["seed"], ["indexes"]):
        done = await leads(*command, LEADS_DATA_DIR=str(data_dir))

        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith(f"leads: there is no database in {data_dir}.")
        assert done.stderr.count("\n") == 1
    assert not data_dir.exists()  # noqa: ASYNC240 - nothing else runs here


async def test_a_command_says_which_database_it_used(
    given: dict[str, str], database: Database, tmp_path: Path, data_dir: Path
) -> None:
    host = given["LEADS_MONGODB_URI"].partition("/?")[0]
    uri = given["LEADS_MONGODB_URI"].replace("mongodb://", "mongodb://crm:very-secret@")
    named = await leads("keys", "list", **given)
    refused = await leads("keys", "list", **given | {"LEADS_MONGODB_URI": uri})
    async with running(tmp_path, LEADS_DATA_DIR=str(data_dir)):
        embedded = await leads("keys", "list", LEADS_DATA_DIR=str(data_dir))

    assert named.stderr == f"Database: {database.name} on {host}\n"
    assert f"Database: {database.name} on {host}\n" in refused.stderr
    assert "very-secret" not in refused.stderr
    assert "Check the user, the password and authSource" in refused.stderr
    assert embedded.stderr == f"Database: the embedded one in {data_dir}\n"


async def test_a_database_that_is_not_set_up_is_named_as_such(server_uri: str, wire_client: Client) -> None:
    database = wire_client["never_set_up"]
    settings = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}

    done = await leads("keys", "create", "--name", "Website", **settings)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "leads: the database is not set up. Start the service once, or run `leads seed`."
    )
    assert await database.list_collection_names() == []


@pytest.mark.parametrize("command", [[], ["keys"]])
async def test_a_group_of_commands_alone_prints_its_help(command: list[str]) -> None:
    done = await leads(*command)

    assert done.returncode == 0
    assert done.stdout.startswith("usage: leads")
    assert done.stderr == ""
