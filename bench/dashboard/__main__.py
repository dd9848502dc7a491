"""A picture of the dashboard after a real run: each query of each panel, asked of Prometheus, under a light load.

    python -m bench.dashboard --minutes 10 --picture docs/dashboard.png

It needs `prometheus` (Debian has a package). It is for looking at the dashboard, not for figures.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import sin
from pathlib import Path
from threading import Thread

import httpx

from bench.dashboard.picture import Ask, Line, draw
from bench.data import CONVERTED_EVERY
from bench.servers import CannotRun, Server, database, free_port
from bench.soak.client import Client
from bench.soak.mix import Mix
from bench.soak.phases import Load
from bench.target import Target, name_of

DASHBOARD = Path(__file__).parents[2] / "deploy" / "monitoring" / "dashboard.json"
LEADS = 100
SCRAPE_SECONDS = 5
RATE_INTERVAL = f"{4 * SCRAPE_SECONDS}s"
"""As Grafana chooses it."""
_POINTS = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description="Draw the dashboard of a real run.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of load (default: 10)")
    parser.add_argument("--rate", type=float, default=5.0, help="requests per second, in the mean (default: 5)")
    parser.add_argument("--picture", type=Path, required=True, help="write the picture (PNG or SVG) to this file")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args(arguments)
    try:
        with ExitStack() as stack:
            service, key = _service(stack, options.server_binary)
            _add_webhooks(stack, service, key)
            prometheus = _prometheus(stack, service)
            began = time.time()
            asyncio.run(_load(service, key, options.rate, 60 * options.minutes))
            draw(json.loads(DASHBOARD.read_text())["panels"], _asker(prometheus, began), options.picture)
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _service(stack: ExitStack, binary: Path | None) -> tuple[int, str]:
    """Start database and service; return its port and a key."""
    uri, _, _ = stack.enter_context(database(binary, None))
    target = Target(uri, name_of(LEADS), LEADS)
    target.prepare(fresh=True)
    key, port = target.key(), free_port()
    settings = {
        "LEADS_MONGODB_URI": uri, "LEADS_MONGODB_DATABASE": target.name, "LEADS_DRAIN_SECONDS": "0",
        "LEADS_WEBHOOK_ALLOW_PRIVATE": "yes",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("leads")), "serve", "--workers", "2", "--port", str(port)]
    service = Server("dashboard", command, settings, port)
    stack.callback(service.stop)
    service.wait_for_answer(key)
    return port, key


def _prometheus(stack: ExitStack, service: int) -> int:
    """Start Prometheus, which scrapes a service; return its port."""
    if (program := shutil.which("prometheus")) is None:
        raise CannotRun("prometheus is not installed.")
    folder, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), free_port()
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [{"job_name": "leads", "static_configs": [{"targets": [f"127.0.0.1:{service}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    server = Server("prometheus", [program, *options, f"--web.listen-address=127.0.0.1:{port}"], {}, port)
    stack.callback(server.stop)
    server.wait_for_port(port)
    return port


class _Receiver(BaseHTTPRequestHandler):
    """Accepts each delivery."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def _add_webhooks(stack: ExitStack, service: int, key: str) -> None:
    """Create a webhook whose receiver works, and one whose receiver is away."""
    receiver = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Receiver))
    Thread(target=receiver.serve_forever, daemon=True).start()
    stack.callback(receiver.shutdown)
    for port, events in ((receiver.server_port, ["*"]), (free_port(), ["lead.converted"])):
        httpx.post(
            f"http://127.0.0.1:{service}/api/webhooks", headers={"Authorization": f"Bearer {key}"}, timeout=30,
            json={"url": f"http://127.0.0.1:{port}/", "events": events},
        ).raise_for_status()  # fmt: skip


async def _load(service: int, key: str, rate: float, seconds: float) -> None:
    """Send the mix of the soak, at a rate that goes up and down."""
    mix = Mix(key, range(1, LEADS + 1), lambda lead: lead % CONVERTED_EVERY == 0)
    load = Load(Client("127.0.0.1", service), mix, lambda: 0.0)
    answers = await load.opened(rate=lambda: rate * (1 + 0.5 * sin(time.monotonic() / 40)), seconds=seconds)
    await answers.all()
    load.client.close()


def _asker(prometheus: int, began: float) -> Ask:
    """Return what asks Prometheus for the values of a query since a time."""
    ended = time.time()
    times = {"start": began, "end": ended, "step": max(SCRAPE_SECONDS, (ended - began) // _POINTS)}

    def ask(query: str) -> list[Line]:
        filled = query.replace("$instance", ".*").replace("$__rate_interval", RATE_INTERVAL)
        url = f"http://127.0.0.1:{prometheus}/api/v1/query_range"
        answer = httpx.get(url, params={"query": filled, **times}, timeout=30).raise_for_status()
        return [
            (series["metric"], [((moment - began) / 60, float(value)) for moment, value in series["values"]])
            for series in answer.json()["data"]["result"]
        ]

    return ask


if __name__ == "__main__":
    sys.exit(main())
