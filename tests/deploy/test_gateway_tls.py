"""TLS at the gateway, with the certificate that the page about running the service says how to make."""

import re
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.deploy.conftest import always_ok, standing_in
from tests.deploy.gateways import Nginx
from tests.deploy.processes import DEPLOY, free_port
from tests.programs import program

TLS = (DEPLOY / "gateway" / "tls.conf").read_text()
(COMMAND,) = re.findall(
    r"^(openssl req .*?fullchain\.pem)$", (DEPLOY.parent / "docs/operations.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What deploy/tls has after the command."""
    program("openssl")
    (tmp_path / "tls").mkdir()
    subprocess.run(["sh", "-ec", COMMAND], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "tls"


def files(folder: Path, port: int) -> dict[str, str]:
    """Return what is mounted into the gateway."""
    server = TLS.replace("listen 8443", f"listen 127.0.0.1:{port}")
    return {"tls/server.conf": server} | {f"certificate/{path.name}": path.read_text() for path in folder.iterdir()}


async def test_callers_reach_the_service_by_tls(open_nginx: Nginx, folder: Path) -> None:
    port = free_port()
    trusting = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    async with standing_in(always_ok) as (stand_in, upstream):
        with open_nginx(upstream, files=files(folder, port)):
            async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=trusting) as http:
                answer = await http.get("/api/leads")

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert b"\r\nX-Forwarded-Proto: https\r\n" in stand_in.heads[0]
