"""The trace of a request is in its log lines (contract, section 5; W3C Trace Context, level 2)."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from leads_api.errors import Unavailable
from leads_api.leads.store import LeadStore
from tests.client import KEY, Api
from tests.conftest import Serve

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
async def logging_api(serve: Serve, log: io.StringIO) -> AsyncIterator[Api]:
    """The API with an access log, whose lines `log` keeps as they are written."""
    async with serve(access_log=True) as api:
        log.truncate(0)
        log.seek(0)
        yield api


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines about requests; what goes on beside them may have a word to say as well."""
    written = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in written if line["logger"] in {"leads.http", "leads.access"}]


async def traced(api: Api, *values: str, path: str = "/api/leads") -> None:
    headers = [("Authorization", f"Bearer {KEY}"), *(("traceparent", value) for value in values)]
    await api.http.get(path, headers=headers)


async def test_every_line_of_a_request_has_its_trace_and_no_other_line(
    logging_api: Api, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable(reason="the disk is full")

    monkeypatch.setattr(LeadStore, "get", fail)

    await traced(logging_api, path="/api/leads/1")
    await traced(logging_api, SENT, path="/api/leads/1")
    await traced(logging_api, path="/api/leads/1")

    found = [(line["logger"], line.get("trace_id")) for line in lines(log)]
    assert found == [
        ("leads.http", None), ("leads.access", None),
        ("leads.http", TRACE), ("leads.access", TRACE),
        ("leads.http", None), ("leads.access", None),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/api/leads?foo=1", "/api/leads/77", "/health/live"])
async def test_a_refused_request_has_its_trace_too(logging_api: Api, log: io.StringIO, path: str) -> None:
    await traced(logging_api, SENT, path=path)

    assert [line["trace_id"] for line in lines(log)] == [TRACE]


@pytest.mark.parametrize(
    "sent",
    [
        SENT,
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-ff",  # flags of the future
        f"01-{TRACE}-{PARENT}-01",  # a version of the future, as long as ours
        f"fe-{TRACE}-{PARENT}-01-and.what=it adds",
        f"cc-{TRACE}-{PARENT}-01-",
        f" \t{SENT}\t ",
    ],
)
async def test_every_version_of_the_header_is_understood(logging_api: Api, log: io.StringIO, sent: str) -> None:
    await traced(logging_api, sent)

    assert [line.get("trace_id") for line in lines(log)] == [TRACE]


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "x",
        TRACE,
        f"ff-{TRACE}-{PARENT}-01",  # no version
        f"0-{TRACE}-{PARENT}-01",
        f"0x-{TRACE}-{PARENT}-01",
        f"-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE[:-1]}.-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{TRACE}-{PARENT[:-1]}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-0X",
        f"00-{TRACE}-{PARENT}",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}-01-what-only-a-later-version-may-add",
        f"01-{TRACE}-{PARENT}-01.",
        f"{SENT},{SENT}",
        f"00-{TRACE[:-2]}²²-{PARENT}-01",
    ],
)
async def test_a_malformed_header_is_ignored(logging_api: Api, log: io.StringIO, sent: str) -> None:
    headers: Any = [(b"authorization", f"Bearer {KEY}".encode()), (b"traceparent", sent.encode("latin-1"))]
    answer = await logging_api.http.get("/api/leads", headers=headers)

    assert answer.status_code == 200
    (line,) = lines(log)
    assert "trace_id" not in line


async def test_a_header_that_is_there_twice_is_ignored(logging_api: Api, log: io.StringIO) -> None:
    await traced(logging_api, SENT, SENT)

    (line,) = lines(log)
    assert "trace_id" not in line
