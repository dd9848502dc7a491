"""The `leads` command, for people and for pipes: output, errors and exit statuses (contract, section 6)."""

import json
import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from leads_api.mongo.client import Database
from leads_api.server.embedded import Embedded
from tests.wire.process import hanging, leads, to_output


@pytest.mark.parametrize(
    "command",
    [
        ["openapi"],
        ["keys", "list"],
        ["keys", "list", "--json"],
        ["seed"],
        ["indexes"],
        ["migrate"],
        ["--version"],
        ["--help"],
        ["serve", "--help"],
        ["keys"],
    ],
    ids=" ".join,
)
async def test_a_reader_that_has_enough_ends_the_command_quietly(given: dict[str, str], command: list[str]) -> None:
    done = await to_output("a pipe that nobody reads", *command, **given)

    assert done.returncode == 141
    assert [line for line in done.stderr.splitlines() if not re.match("Database: |leads migrate: ", line)] == []


@pytest.mark.parametrize("command", [["openapi"], ["keys", "list"], ["--help"]], ids=" ".join)
@pytest.mark.parametrize("output", ["/dev/full", "none"])
async def test_output_that_cannot_be_written_is_an_error_of_one_line(
    given: dict[str, str], command: list[str], output: str
) -> None:
    done = await to_output(output, *command, **given)

    told = [line for line in done.stderr.splitlines() if not re.match("Database: |leads migrate: ", line)]
    assert done.returncode == 1
    assert len(told) == 1
    assert told[0].startswith("leads: standard output ")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["nonsense"], "nonsense"),
        (["keys", "make"], "make"),
        (["serve", "--nonsense"], "--nonsense"),
        (["serve", "a\nb"], "a"),
        (["serve", "--port", "65536"], "--port"),
        (["serve", "--port", "9" * 5000], "--port"),
        (["serve", "--workers", "0"], "--workers"),
        (["serve", "--workers", "99999"], "--workers"),
        (["migrate", "--json", "all"], "all"),
    ],
)
async def test_a_command_line_that_is_not_valid_is_told_in_one_line(command: list[str], named: str) -> None:
    done = await leads(*command)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("leads")
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["serv"], "serve"),
        (["key", "list"], "keys"),
        (["keys", "creat", "--name", "W"], "create"),
        (["mails", "requeu"], "requeue"),
        (["serve", "--workes", "2"], "--workers"),
        (["keys", "create", "--nam", "W"], "--name"),
    ],
)
async def test_a_mistyped_command_or_option_is_answered_with_what_was_meant(command: list[str], meant: str) -> None:
    done = await leads(*command)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"Did you mean {meant}?" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_script_completes_commands_and_options(shell: str) -> None:
    done = await leads("completion", shell)

    assert (done.returncode, done.stderr) == (0, "")
    for word in ("serve", "requeue", "workers", "on-existing"):
        assert word in done.stdout


async def test_of_a_repeated_option_the_last_one_counts(given: dict[str, str]) -> None:
    done = await leads("keys", "create", "--name", "W", "--json", "--name", "X", "--json", **given)

    assert json.loads(done.stdout)["name"] == "X"


async def test_the_help_takes_less_than_300_ms_of_cpu() -> None:
    before = os.times()
    times = []
    for _ in range(3):
        before = os.times()
        await leads("--help")
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)

    assert min(times) < 0.3


@pytest.mark.parametrize("host", ["", "no such host", "x" * 70, "a..b"])
async def test_a_host_that_is_none_is_told_in_one_line(given: dict[str, str], host: str) -> None:
    done = await leads("serve", "--host", host, "--port", "0", **given)

    assert done.returncode == 1
    assert done.stderr.startswith("leads: cannot listen on ")
    assert done.stderr.count("\n") == 1


async def test_the_version_is_that_of_the_package() -> None:
    done = await leads("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"leads {version('leads-api')}\n", "")


async def test_the_help_names_the_exit_statuses() -> None:
    done = await leads("--help")

    for status in (0, 1, 2, 130, 141, 143):
        assert re.search(rf"^  {status} +\w", done.stdout, re.MULTILINE)


async def test_results_as_json(given: dict[str, str], database: Database) -> None:
    seed = await leads("seed", "--json", **given)
    migrate = await leads("migrate", "--json", **given)
    indexes = await leads("indexes", "--json", **given)

    assert json.loads(seed.stdout) == {"database": database.name, "set_up": True}
    assert json.loads(migrate.stdout) == {"changed": {}, "failed": 0}
    listed = json.loads(indexes.stdout)
    assert {"collection": "leads", "name": "_id_", "fields": ["_id"], "unique": True} in listed
    assert {index["collection"] for index in listed} == set(await database.list_collection_names())
    assert {seed.returncode, migrate.returncode, indexes.returncode} == {0}


async def test_a_fault_of_the_program_is_told_in_one_line(given: dict[str, str], database: Database) -> None:
    await database["keys"].insert_one({"_id": 1, "name": "Website", "created": "yesterday"})

    done = await leads("keys", "list", **given)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("leads: unexpected error: AttributeError in ")
    assert done.stderr.count("\n") == 2


@pytest.mark.own_database
@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "revoke", "1"], ["keys", "create", "--name", "W"]])
async def test_a_database_that_hangs_is_told_in_time(tmp_path: Path, command: list[str]) -> None:
    with Embedded(tmp_path / "store") as server:
        assert (await leads("seed", LEADS_MONGODB_URI=server.uri)).returncode == 0
        with hanging(server._process.pid):
            done = await leads(*command, LEADS_MONGODB_URI=server.uri, LEADS_REQUEST_TIMEOUT="1")

    assert done.returncode == 1
    assert done.stdout == ""
    assert re.match(r"leads: the database cannot be used: \w+\. It did not answer", done.stderr.splitlines()[-1])
    assert done.stderr.count("\n") == 2


async def test_a_bad_setting_is_told_in_one_line_by_every_command() -> None:
    for command in (["serve"], ["keys", "list"], ["seed"], ["indexes"], ["migrate"], ["openapi"]):
        done = await leads(*command, LEADS_DEFAULT_LIMIT="0")

        assert done.returncode == 1
        assert re.fullmatch(r"leads: LEADS_DEFAULT_LIMIT .*\n", done.stderr)
