"""The service below a path of a host: gateway and service have the same prefix (contract, section 5)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from leads_api.mongo.client import Client
from tests.client import Api
from tests.deploy.conftest import assert_envelope, calling
from tests.deploy.gateways import OpenGateway
from tests.wire.process import running

PREFIX = "/crm"


@pytest.fixture
async def below(open_gateway: OpenGateway, server_uri: str, wire_client: Client, tmp_path: Path) -> AsyncIterator[Api]:
    """The API below a path, as callers reach it."""
    name = f"path_{os.getpid()}_{uuid4().hex[:8]}"
    given = {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name, "LEADS_ROOT_PATH": PREFIX}
    async with running(tmp_path, given=given) as service:
        with open_gateway(service.port, GATEWAY_PATH=PREFIX) as port:
            async with calling(port) as http:
                yield Api(http)
    await wire_client.drop_database(name)


async def test_below_a_path_links_lead_back_through_the_gateway_and_all_else_is_closed(below: Api) -> None:
    body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
    made = await below.call("POST", f"{PREFIX}/api/leads", json=body)
    followed = await below.call("GET", made.headers["location"])
    page = await below.http.get(f"{PREFIX}/docs")
    root = await below.http.get(PREFIX)

    assert made.status_code == 201
    assert followed.json()["data"]["id"] == made.json()["data"]["id"]
    assert (page.status_code, root.status_code) == (200, 200)
    for closed in (
        "/api/leads",
        "/",
        f"{PREFIX}ing/api/leads",
        "/metrics",
        f"{PREFIX}/metrics",
        f"{PREFIX}//%6detrics/",
    ):
        assert_envelope(await below.call("GET", closed), 404, "Not found.")
