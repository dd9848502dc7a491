"""What a service writes to standard error: JSON by the line, or a readable form (docs/operations.md, "Logs")."""

import asyncio
import os
import pty
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.client import KEY
from tests.programs import missing
from tests.wire.process import environment, running

CANARY = "canary7f3a"
START = "leads starts"


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_start_is_one_line_with_version_driver_database_and_settings(
    tmp_path: Path, given: dict[str, str], workers: str
) -> None:
    secrets = {
        "LEADS_API_KEY": CANARY * 4,
        "LEADS_SMTP_URL": f"smtp://user:{CANARY}@127.0.0.1:9",
        "LEADS_MAIL_FROM": f"{CANARY}@acme.example",
        "LEADS_PORTAL_URL": f"https://portal.acme.example/{CANARY}",
        "LEADS_MONGODB_URI": given["LEADS_MONGODB_URI"] + f"&appname={CANARY}",
    }
    others = {"LEADS_CORS_ORIGINS": "https://app.example", "LEADS_RATE_LIMIT": "900/60s"}

    async with running(tmp_path, "--workers", workers, given=given | secrets | others) as service:
        (line,) = [line for line in service.lines if line["message"] == START]
        log = service.log

    assert (line["level"], line["version"]) == ("info", version("leads-api"))
    assert line["driver"] == os.environ["LEADS_TEST_MONGODB_DRIVER"]
    assert line["database"] == given["LEADS_MONGODB_URI"].partition("/?")[0]
    settings = line["settings"]
    assert settings["mongodb_database"] == given["LEADS_MONGODB_DATABASE"]
    assert settings["cors_origins"] == ["https://app.example"]
    assert settings["rate_limit"] == {"requests": 900, "seconds": 60}
    assert {settings[name] for name in ("api_key", "smtp_url", "mail_from", "portal_url", "mongodb_uri")} == {"set"}
    assert CANARY not in log


async def test_every_line_is_an_object_with_time_level_logger_and_message(
    tmp_path: Path, given: dict[str, str]
) -> None:
    async with running(tmp_path, given=given, LEADS_ACCESS_LOG="yes", LEADS_LOG_LEVEL="debug") as service:
        await service.api.get("/api/leads")
        await service.http.get("/nothing")
        await service.end()

    assert {line["logger"].partition(".")[0] for line in service.lines} == {"leads", "uvicorn"}
    for line in service.lines:
        assert {"time", "level", "logger", "message"} <= line.keys()
        assert line["level"] in {"debug", "info", "warning", "error"}


async def test_on_a_terminal_the_lines_are_for_people() -> None:
    script = """
import logging
from leads_api.asgi import application
from leads_api.settings import Settings
from leads_api.telemetry import logs

application(Settings(mongodb_uri="mongodb://user:canary7f3a@127.0.0.1:9/?replicaSet=rs0"))
try:
    raise RuntimeError(f"canary{'7f3a'} of an error")  # a traceback may show this line, but not its text
except RuntimeError:
    logging.getLogger("leads.test").exception("it failed")
"""
    told = await asyncio.to_thread(_on_terminal, script, {"NO_COLOR": "1"})
    coloured = await asyncio.to_thread(_on_terminal, script, {})

    assert START in told
    assert "mongodb://127.0.0.1:9" in told
    assert "it failed" in told
    assert "\nRuntimeError" in told.replace("\r", "")
    assert CANARY not in told
    assert not told.startswith("{")
    assert "\x1b[" not in told
    assert "\x1b[" in coloured


def _on_terminal(script: str, variables: dict[str, str]) -> str:
    """Return what a script writes to standard error, a terminal."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        missing(f"there is no pseudo-terminal: {error} (is /dev/pts mounted?)")
    unset = {name: value for name, value in environment(variables).items() if name != "NO_COLOR" or name in variables}
    process = subprocess.Popen([sys.executable, "-c", script], env=unset, stderr=theirs)
    os.close(theirs)
    told = b""
    try:
        while part := os.read(ours, 65_536):
            told += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait()
    return told.decode()


async def test_a_request_that_names_a_key_in_its_path_leaves_no_trace_of_it(
    tmp_path: Path, given: dict[str, str]
) -> None:
    async with running(tmp_path, given=given, LEADS_ACCESS_LOG="yes", LEADS_LOG_LEVEL="debug") as service:
        await service.api.get(f"/api/leads/{CANARY}", search=CANARY)
        await service.api.get(f"/{CANARY}")
        await service.api.call(CANARY.upper(), "/api/leads", {"lead_title": CANARY})

    assert len([line for line in service.lines if line["logger"] == "leads.access"]) >= 3
    assert CANARY not in service.log.lower()
    assert KEY not in service.log
