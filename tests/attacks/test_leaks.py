"""No secret, query string, body or stack trace is in an error or in a log (contract, section 1, "Errors")."""

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, WriteError

from leads_api.http.endpoint import Endpoint as Handler
from leads_api.testing import LeadsService, running_service
from tests.api.endpoints import ENDPOINTS, FORM, make_records
from tests.attacks.corpus import CORPUS
from tests.client import KEY
from tests.conftest import Serve
from tests.wire.process import leads
from tests.wire.server.raw import talk

CANARY = "canary7f3a"
TRACES = ("Traceback", ".py", "line ", "Error(", "leads_api")


def assert_silent(answer: httpx.Response) -> None:
    assert answer.status_code >= 400, answer.request
    told = answer.text + str(answer.headers)
    for word in (CANARY, KEY, *TRACES):
        assert word not in told, told


async def test_no_refusal_tells_what_was_sent(serve: Serve, log: io.StringIO) -> None:
    async with serve(max_body_bytes=10_000) as api:
        ids = await make_records(api)
        for endpoint in ENDPOINTS:
            path, body = endpoint.at(ids), endpoint.sent(ids)
            query = {"q": CANARY, "search[$ne]": CANARY}

            assert_silent(await api.call(endpoint.method, path, body, headers={"Authorization": f"Bearer {CANARY}"}))
            assert_silent(await api.call(endpoint.method, path, body, headers={"Authorization": f"Basic {CANARY}"}))
            assert_silent(await api.call(endpoint.method, path, body, params=query))
            assert_silent(await api.call("PURGE", path, body, params=query))
            assert_silent(await api.call(endpoint.method, f"{path}/nowhere", body, params=query))
            if body is None:
                continue
            wrong = {name: {"$gt": CANARY} for name in body}
            assert_silent(await api.call(endpoint.method, path, wrong))
            assert_silent(await api.call(endpoint.method, path, dict.fromkeys(body, f"{CANARY}\0")))
            for content, kind in (
                (f'{{"a": "{CANARY}", ', "application/json"),
                (f'["{CANARY}"]', "application/json"),
                (f"{CANARY}=%ff", FORM),
                (CANARY, "text/plain"),
                (CANARY * 2_000, "application/json"),
            ):
                answer = await api.call(endpoint.method, path, content=content, headers={"Content-Type": kind})
                assert_silent(answer)

    assert log.getvalue()
    assert CANARY not in log.getvalue()
    assert KEY not in log.getvalue()


def failing(error: Exception) -> object:
    async def fail(*_: object) -> None:
        secret = {CANARY: 1}
        try:
            secret["other " + CANARY]
        except KeyError:
            raise error  # noqa: B904 - with the other one as its context

    return fail


DUPLICATE = {"errmsg": f'E11000 dup key: {{ email: "{CANARY}" }}', "keyValue": {"email": CANARY}}


FAULTS: list[Exception] = [
    RuntimeError(f"no value {CANARY}"),
    ValueError(CANARY),
    OperationFailure(f"failed: '{CANARY}'", 8, {"errmsg": f"failed on {{ a: {CANARY} }}", "code": 8}),
    DuplicateKeyError(DUPLICATE["errmsg"], 11000, DUPLICATE),  # type: ignore[arg-type]
    WriteError(f'Document failed: "{CANARY}"', 121, {"errmsg": f'"{CANARY}"', "errInfo": {"value": CANARY}}),
    AutoReconnect(f"user:{CANARY}@db.internal: connection closed"),
]


async def test_no_fault_of_the_service_tells_what_was_sent(
    serve: Serve, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api:
        for error in FAULTS:
            log.truncate(0)
            log.seek(0)
            monkeypatch.setattr(Handler, "__call__", failing(error))
            answer = await api.post(f"/api/leads?search={CANARY}", {"lead_title": CANARY})

            assert answer.status_code in {500, 503}
            assert_silent(answer)
            assert CANARY not in log.getvalue()
            written = [json.loads(line) for line in log.getvalue().splitlines()]
            told = next(line for line in written if line["level"] in {"error", "warning"} and line.get("request_id"))
            assert type(error).__name__ in told["message"] + told.get("trace", "")


def test_a_trace_tells_places_and_kinds_of_all_errors_and_no_message(log: io.StringIO) -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise ValueError(CANARY) from error
    except ValueError:
        logging.getLogger("leads.test").exception("it failed")

    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "ValueError\ncaused by:\n" in line["trace"]
    assert line["trace"].endswith("KeyError")
    assert line["trace"].count("test_leaks.py") == 2
    assert CANARY not in line["trace"].replace("raise KeyError(CANARY)", "")


@pytest.fixture
def service() -> Iterator[LeadsService]:
    with running_service() as service:
        yield service


async def test_what_the_server_itself_refuses_is_not_told(log: io.StringIO, service: LeadsService) -> None:
    for group in CORPUS.values():
        for case in group.values():
            if case.refused:
                sent = case.sent.replace(b"/a", f"/?{CANARY}".encode()).replace(b"leads.test", CANARY.encode())
                for answer in await talk(service, sent, end=True):
                    assert CANARY not in answer.content.decode() + str(answer.headers)

    assert CANARY not in log.getvalue()


async def test_no_command_tells_a_secret_of_the_settings() -> None:
    secrets = {
        "LEADS_MONGODB_URI": f"mongodb://user:{CANARY}@127.0.0.1:9/?replicaSet=rs0",
        "LEADS_API_KEY": CANARY * 5,
        "LEADS_SMTP_URL": f"smtp://user:{CANARY}@127.0.0.1:9",
        "LEADS_MAIL_FROM": "crm@acme.example",
        "LEADS_PORTAL_URL": "https://portal.acme.example",
    }
    for words in (["keys", "list"], ["serve", "--port", "x"]):
        done = await leads(*words, **secrets)
        assert done.returncode != 0
        assert done.stderr
        assert CANARY not in done.stdout + done.stderr
