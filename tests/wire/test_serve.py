"""`leads serve`, `leads seed` and `leads indexes` as processes, and their settings (contract, section 6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from leads_api.mongo.client import Client, Database
from tests.client import KEY
from tests.wire.process import free_port, leads, running, started

VARIABLES = [
    "LEADS_MONGODB_URI", "LEADS_DATA_DIR", "LEADS_MONGODB_DATABASE", "LEADS_MONGODB_DRIVER", "LEADS_API_KEY",
    "LEADS_DEFAULT_LIMIT", "LEADS_MAX_BODY_BYTES", "LEADS_RATE_LIMIT", "LEADS_SMTP_URL", "LEADS_MAIL_FROM",
    "LEADS_PORTAL_URL", "LEADS_LOG_LEVEL", "LEADS_ACCESS_LOG", "LEADS_CORS_ORIGINS", "LEADS_REQUEST_TIMEOUT",
    "LEADS_CACHE_SECONDS", "LEADS_MAX_COMMENTS", "LEADS_MAX_COMMENT_BYTES", "LEADS_MAX_PAGE_BYTES",
    "LEADS_ROOT_PATH",
]  # fmt: skip
SHIPPED = {
    "lead_statuses": [1, 2, 3, 4, 5, 7],
    "categories": [2, 3],
    "users": [1],
}


@pytest.fixture
async def database(wire_client: Client) -> AsyncIterator[Database]:
    name = f"serve_{uuid4().hex[:20]}"
    yield wire_client[name]
    await wire_client.drop_database(name)


@pytest.fixture
def given(server_uri: str, database: Database) -> dict[str, str]:
    return {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": database.name}


async def ids(database: Database) -> dict[str, list[int]]:
    return {name: sorted([record["_id"] async for record in database[name].find()]) for name in SHIPPED}


async def test_the_help_lists_every_variable_with_its_default() -> None:
    done = await leads("serve", "--help")

    assert done.returncode == 0
    assert [name for name in VARIABLES if name not in done.stdout.split()] == []
    for default in ("127.0.0.1", "8000", "data", "25", "1048576", "5.0", "2.0"):
        assert f"(default: {default})" in done.stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LEADS_API_KEY", "short-secret"),
        ("LEADS_API_KEY", "a secret with spaces in it, and with thirty-two characters"),
        ("LEADS_MONGODB_URI", "http://secret.example"),
        ("LEADS_MONGODB_URI", "mongodb://user:pass/secret@127.0.0.1"),
        ("LEADS_MONGODB_URI", "mongodb://127.0.0.1/?tls=true&tlsCAFile=/nonexistent"),
        ("LEADS_DATA_DIR", "~nosuchuser/secret"),
        ("LEADS_MONGODB_DATABASE", "a/b"),
        ("LEADS_MONGODB_DATABASE", "admin"),
        ("LEADS_MONGODB_DRIVER", "other"),
        ("LEADS_DEFAULT_LIMIT", "0"),
        ("LEADS_DEFAULT_LIMIT", "101"),
        ("LEADS_DEFAULT_LIMIT", "many"),
        ("LEADS_MAX_BODY_BYTES", "-1"),
        ("LEADS_RATE_LIMIT", "100"),
        ("LEADS_SMTP_URL", "http://user:secret@mail.example"),
        ("LEADS_MAIL_FROM", "nobody"),
        ("LEADS_PORTAL_URL", "portal"),
        ("LEADS_LOG_LEVEL", "loud"),
        ("LEADS_ACCESS_LOG", "maybe"),
        ("LEADS_CORS_ORIGINS", "app.example"),
        ("LEADS_REQUEST_TIMEOUT", "0"),
        ("LEADS_REQUEST_TIMEOUT", "0.0005"),
        ("LEADS_REQUEST_TIMEOUT", "nan"),
        ("LEADS_CACHE_SECONDS", "-1"),
        ("LEADS_ROOT_PATH", "crm"),
        ("LEADS_ROOT_PATH", "/crm/"),
        ("LEADS_CACHE_SECONDS", "soon"),
        ("LEADS_MAX_COMMENTS", "0"),
        ("LEADS_MAX_COMMENT_BYTES", "1.5"),
    ],
)
async def test_a_bad_value_is_a_refusal_to_start_that_names_it(tmp_path: Path, variable: str, value: str) -> None:
    settings = {"LEADS_DATA_DIR": str(tmp_path / "data"), variable: value}

    async with started(tmp_path, given=settings) as service:
        status = await service.ended()

    assert status == 1
    assert service.log.startswith(f"leads: {variable}")
    assert service.log.count("\n") == 1
    assert "secret" not in service.log
    assert service.out == ""


async def test_a_data_folder_that_cannot_be_used_is_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    async with started(tmp_path / "1", LEADS_DATA_DIR=str(file / "data")) as service:
        status = await service.ended()

    assert status == 1
    assert "LEADS_DATA_DIR" in service.log
    assert "Traceback" not in service.log


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_unknown_variable_is_warned_of_once_and_does_no_harm(
    tmp_path: Path, given: dict[str, str], workers: str
) -> None:
    unknown = {"LEADS_PORT": "tcp://10.0.0.1:8000", "LEADS_SERVICE_HOST": "10.0.0.1"}

    async with running(tmp_path, "--workers", workers, given=given | unknown) as service:
        warned = [line["message"] for line in service.lines if line["level"] == "warning"]

    for name in unknown:
        assert sum(name in message.split() for message in warned) == 1, warned


async def test_without_a_mail_server_one_warning_says_so(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path, given=given) as service:
        await service.api.client((await service.api.lead())["id"], send_welcome_email="yes")

        warned = [line["message"] for line in service.lines if line["level"] == "warning"]

    assert len(warned) == 1
    assert "LEADS_SMTP_URL" in warned[0]


async def test_each_request_is_logged_when_asked_for_without_its_key(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path, given=given, LEADS_ACCESS_LOG="yes") as service:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        headers = {"X-Request-ID": "the-id-of-it", "Traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        await service.api.call("GET", "/api/leads/77", headers=headers)
        await service.http.get(
            "/api/leads", headers={"Authorization": "Bearer lk_1_wrong", "X-Request-ID": "the-other"}
        )

    (line,) = [line for line in service.lines if line.get("request_id") == "the-id-of-it"]
    (other,) = [line for line in service.lines if line.get("request_id") == "the-other"]
    assert {name: line[name] for name in ("method", "route", "status", "user", "key")} == {
        "method": "GET", "route": "/api/leads/{lead_id}", "status": 404, "user": 1, "key": 0,
    }  # fmt: skip
    assert line["trace_id"] == trace
    assert "trace_id" not in other
    assert line["duration_ms"] > 0
    assert (other["method"], other["route"], other["status"]) == ("GET", "/api/leads", 401)
    assert "/77" not in service.log
    assert KEY not in service.log
    assert "lk_1_wrong" not in service.log


async def test_no_request_is_logged_when_not_asked_for(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path, given=given) as service:
        await service.api.call("GET", "/api/leads/77")

    assert "/api/leads" not in service.log
    assert "/health" not in service.log
    assert KEY not in service.log


async def test_the_database_s_password_is_never_logged(tmp_path: Path) -> None:
    uri = f"mongodb://crm:very-secret@127.0.0.1:{free_port()}/"

    async with started(tmp_path, LEADS_MONGODB_URI=uri, LEADS_REQUEST_TIMEOUT="1", LEADS_LOG_LEVEL="debug") as service:
        await service.until(503)

    assert "cannot be set up" in service.log
    assert "very-secret" not in service.log


async def test_a_taken_port_is_a_refusal(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path / "1", given=given) as first:
        async with started(tmp_path / "2", port=first.port, given=given) as second:
            status = await second.ended()

        assert status == 1
        assert second.log == (
            f"leads: cannot listen on 127.0.0.1, port {first.port}: Address already in use. Choose another one with"
            " --host and --port.\n"
        )
        assert (await first.http.get("/health/ready")).status_code == 200


async def test_services_that_start_together_on_an_empty_database_seed_it_once(
    tmp_path: Path, given: dict[str, str], database: Database
) -> None:
    async with (
        started(tmp_path / "1", "--workers", "2", given=given) as first,
        started(tmp_path / "2", "--workers", "2", given=given) as second,
    ):
        await asyncio.gather(first.until(200), second.until(200))

        statuses = [(await service.api.get("/api/lead-statuses")).json()["data"] for service in (first, second)]
        made = [await service.api.lead() for service in (first, second, first, second)]

    assert await ids(database) == SHIPPED
    assert statuses[0] == statuses[1]
    assert [status["title"] for status in statuses[0]] == [
        "New", "Contacted", "Qualified", "Disqualified", "Proposal Sent", "Converted",
    ]  # fmt: skip
    assert [lead["id"] for lead in made] == [1, 2, 3, 4]


async def test_leads_seed_writes_the_shipped_settings_once(given: dict[str, str], database: Database) -> None:
    for _ in range(2):
        done = await leads("seed", **given)
        assert done.returncode == 0, done.stderr

    assert await ids(database) == SHIPPED


async def test_what_was_deleted_or_renamed_stays_so_at_the_next_start(tmp_path: Path, given: dict[str, str]) -> None:
    async with running(tmp_path / "1", given=given) as service:
        await service.api.delete("/api/lead-statuses/7")
        await service.api.patch("/api/lead-statuses/5", {"title": "Called"})

    await leads("seed", **given)

    async with running(tmp_path / "2", given=given) as service:
        statuses = (await service.api.get("/api/lead-statuses")).json()["data"]
    assert {status["id"]: status["title"] for status in statuses} == {
        1: "New", 5: "Called", 3: "Qualified", 4: "Proposal Sent", 2: "Converted",
    }  # fmt: skip


async def test_leads_indexes_creates_what_is_missing_and_lists_all(given: dict[str, str], database: Database) -> None:
    await leads("seed", **given)
    name = next(name for name, index in (await database["users"].index_information()).items() if index.get("unique"))
    await database["users"].drop_index(name)

    done = await leads("indexes", **given)

    assert done.returncode == 0, done.stderr
    assert (await database["users"].index_information())[name]["unique"]
    listed = {line.split(":")[0] for line in done.stdout.splitlines()}
    for collection in await database.list_collection_names():
        assert {f"{collection}.{index}" for index in await database[collection].index_information()} <= listed


async def test_leads_openapi_prints_the_document_that_is_served(tmp_path: Path, given: dict[str, str]) -> None:
    done = await leads("openapi")

    async with running(tmp_path, given=given) as service:
        served = (await service.http.get("/openapi.json")).json()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == served
