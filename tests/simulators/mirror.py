"""A program that keeps a copy of all leads in an SQLite file: by the feed of events, or as a receiver of webhooks.

    python -m tests.simulators.mirror feed FILE KEY URL...
    python -m tests.simulators.mirror webhooks FILE SECRET PORT

It can be killed at any moment. It relies on what docs/events.md and docs/webhooks.md promise, and on nothing else.
"""

import itertools
import json
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

_PAUSE = 0.2
_FAILS_EVERY = 20
"""The receiver answers each event of so many with an error, though it has handled it: the event comes again."""
_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS leads (id INTEGER PRIMARY KEY, version INTEGER, lead TEXT);
    CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, number INTEGER);
"""


class Copy:
    """The copy of the leads. Of a deleted lead it keeps the last version, so that no late event brings it back."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._file.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all of what the block writes, or nothing."""
        self._file.execute("BEGIN IMMEDIATE")
        with self._file:
            yield

    def number(self, name: str) -> int:
        """Return a number, at first 0."""
        found = self._file.execute("SELECT number FROM numbers WHERE name = ?", [name]).fetchone()
        return found[0] if found else 0

    def set_number(self, name: str, number: int) -> None:
        self._file.execute("REPLACE INTO numbers VALUES (?, ?)", [name, number])

    def apply(self, event: dict[str, Any]) -> None:
        """Take what an event shows, unless the copy is as new."""
        data = event["data"]
        lead = data["lead"]
        if lead is None and event["type"] != "lead.deleted":
            return  # it was deleted by then, which another event says
        version = data["version"] if event["type"] == "lead.deleted" else lead["version"]
        known = self._file.execute("SELECT version FROM leads WHERE id = ?", [data["lead_id"]]).fetchone()
        if known and known[0] >= version:
            self.set_number("old", self.number("old") + 1)
            return
        kept = None if event["type"] == "lead.deleted" else json.dumps(lead)
        self._file.execute("REPLACE INTO leads VALUES (?, ?, ?)", [data["lead_id"], version, kept])

    def leads(self) -> dict[int, Any]:
        """Return all leads, by their ids."""
        rows = self._file.execute("SELECT id, lead FROM leads WHERE lead IS NOT NULL ORDER BY id")
        return {lead_id: json.loads(lead) for lead_id, lead in rows}

    def close(self) -> None:
        self._file.close()


def follow(copy: Copy, key: str, urls: Sequence[str]) -> None:
    """Follow the feed, on any service that answers."""
    for url in itertools.cycle(urls):
        try:
            while True:
                page = _page(url, key, copy.number("position"))
                with copy.transaction():
                    for event in page["data"]:
                        copy.apply(event)
                    copy.set_number("position", page["meta"]["next_after"])
                if not page["data"]:
                    time.sleep(_PAUSE)
        except (OSError, HTTPException):
            time.sleep(_PAUSE)


def _page(url: str, key: str, after: int) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{url}/api/events?after={after}&limit=100", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def receive(copy: Copy, secret: str, port: int) -> None:
    """Receive webhooks."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                event = Webhook(secret).verify(body, dict(self.headers))
            except WebhookVerificationError:
                self._answer(400)
                return
            with copy.transaction():
                copy.apply(event)
                copy.set_number("received", received := copy.number("received") + 1)
            self._answer(204 if received % _FAILS_EVERY else 500)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write no log."""

    HTTPServer.request_queue_size = 100
    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()


def main(kind: str, file: str, secret: str, *rest: str) -> None:
    with closing(Copy(Path(file))) as copy:
        if kind == "feed":
            follow(copy, secret, rest)
        else:
            receive(copy, secret, int(rest[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
