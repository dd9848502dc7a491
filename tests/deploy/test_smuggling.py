"""No byte of a body becomes another request behind a gateway, whatever protocol is offered (contract, section 1)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import KEY, Api
from tests.deploy.conftest import calling
from tests.deploy.gateways import HAProxy, Nginx, running_nginx
from tests.deploy.processes import free_port
from tests.programs import program
from tests.wire.server.raw import OFFERS, Answer, chunked, connect

FOR_WEBSOCKETS = """
worker_processes 1;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' {otherwise}; }}
    upstream service {{ server 127.0.0.1:{service}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_request_buffering off;  # a body in a packet of its own stays in one
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""
"""What is usually written for WebSockets: the offer reaches the service."""


@pytest.fixture(params=["shipped nginx", "shipped HAProxy", "for WebSockets", "for WebSockets, with kept connections"])
def any_gateway(
    request: pytest.FixtureRequest, open_nginx: Nginx, open_haproxy: HAProxy, service: int, tmp_path: Path
) -> Iterator[int]:
    if request.param.startswith("shipped"):
        with (open_nginx if request.param == "shipped nginx" else open_haproxy)(service) as port:
            yield port
        return
    port = free_port()
    otherwise = "''" if "kept" in request.param else "close"
    (tmp_path / "nginx.conf").write_text(FOR_WEBSOCKETS.format(otherwise=otherwise, service=service, port=port))
    with running_nginx(program("nginx"), tmp_path, port):
        yield port


@pytest.mark.parametrize("coding", ["sized", "chunked"])
async def test_a_request_in_a_body_is_never_run_and_nobody_gets_its_answer(any_gateway: int, coding: str) -> None:
    async with calling(any_gateway) as http:
        victim = Api(http)
        lead = await victim.lead()
        for fields in OFFERS.values():
            answers = await attack(any_gateway, fields, f"/api/leads/{lead['id']}", coding)
            others = [
                await victim.call("GET", f"/api/leads/{lead['id']}", headers={"X-Request-ID": f"victim-{number}"})
                for number in range(4)
            ]

            assert [answer and (answer.status, answer.headers["x-request-id"]) for answer in answers] == [
                (400, "attacker-1"),
                (404, "attacker-2"),
                None,
            ]
            assert [(other.status_code, other.headers["x-request-id"]) for other in others] == [
                (200, f"victim-{number}") for number in range(4)
            ]
            assert others[-1].json()["data"] == lead


async def attack(port: int, fields: list[str], target: str, coding: str) -> list[Answer | None]:
    """Send a deletion as the body of a POST, and then a request of its own; return all answers."""
    hidden = f"DELETE {target} HTTP/1.1\r\nHost: leads.test\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    length, body = {
        "sized": (f"Content-Length: {len(hidden)}", hidden),
        "chunked": ("Transfer-Encoding: chunked", chunked(hidden, len(hidden))),
    }[coding]
    head = ["POST /api/leads HTTP/1.1", "Host: leads.test", f"Authorization: Bearer {KEY}", *fields]
    head += ["X-Request-ID: attacker-1", "Content-Type: application/json", length, "", ""]
    last = "GET /nowhere HTTP/1.1\r\nHost: leads.test\r\nX-Request-ID: attacker-2\r\nConnection: close\r\n\r\n"
    connection = await connect(f"http://127.0.0.1:{port}")
    try:
        await connection.send("\r\n".join(head).encode(), body)
        first = await connection.answer()
        await connection.send(last.encode())
        return [first, await connection.answer(), await connection.answer()]
    finally:
        await connection.close()
