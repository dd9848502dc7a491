"""How often do transactions of conversions have to be repeated when callers are in each other's way?

    python -m bench.contention --server-binary /path/to/a/server

Each situation converts new leads, with so many callers at once, by one process and by two. The service's own metrics
tell how many transactions that took, how many of them wrote nothing in the end, and how often a try was repeated.
"""

import argparse
import asyncio
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from bench.servers import CannotRun, Server, database, peers
from bench.target import Target, name_of

_COUNTED = re.compile(
    r"^(leads_transactions_total|leads_transaction_retries_total)\{(\w+)=\"(\w+)\"\} ([0-9.e+]+)$", re.MULTILINE
)
_BATCH = 100
_SERVERS = ["leads", "leads-two-workers"]
_HEAD = [
    "conversions", "server", "at once", "answers", "seconds",
    "committed", "failed", "tries repeated", "commits repeated",
]  # fmt: skip
_OWNER = {"first_name": "Jane", "last_name": "Doe"}


class Caller:
    """Sends requests to one server, so many at once."""

    def __init__(self, http: httpx.AsyncClient, at_once: int) -> None:
        self._http = http
        self._free = asyncio.Semaphore(at_once)
        self._made = 0

    async def leads(self, count: int) -> list[int]:
        """Return the ids of new leads."""
        ids: list[int] = []
        for begin in range(0, count, _BATCH):
            leads = [
                {"lead_title": f"Contention {begin + number}", "lead_status": 1, "lead_categoryid": 3}
                for number in range(min(_BATCH, count - begin))
            ]
            answer = await self._http.post("/api/leads/batch", json={"leads": leads})
            ids += [item["id"] for item in answer.json()["data"]]
        return ids

    async def convert(self, lead: int, email: str) -> int:
        """Convert a lead; return the status of the answer."""
        async with self._free:
            answer = await self._http.post(f"/api/leads/{lead}/convert", json=_OWNER | {"email": email})
        return answer.status_code

    async def patch(self, lead: int) -> int:
        """Change a lead; return the status of the answer."""
        async with self._free:
            answer = await self._http.patch(f"/api/leads/{lead}", json={"lead_phone": "+49 30 1234567"})
        return answer.status_code

    async def counted(self) -> Counter[str]:
        """Return what the service has counted."""
        text = (await self._http.get("/metrics")).text
        return Counter({f"{name} {value}": int(float(number)) for name, _, value, number in _COUNTED.findall(text)})

    def email(self) -> str:
        """Return an e-mail that nobody has."""
        self._made += 1
        return f"contention-{monotonic()}-{self._made}@example.com"


Situation = Callable[[Caller, list[int]], list[Awaitable[int]]]


def _alone(caller: Caller, leads: list[int]) -> list[Awaitable[int]]:
    return [caller.convert(lead, caller.email()) for lead in leads]


def _same_lead(caller: Caller, leads: list[int]) -> list[Awaitable[int]]:
    return [caller.convert(lead, caller.email()) for lead in leads[::8] for _ in range(8)]


def _same_email(caller: Caller, leads: list[int]) -> list[Awaitable[int]]:
    emails = [caller.email() for _ in leads[::8]]
    return [caller.convert(lead, emails[number // 8]) for number, lead in enumerate(leads)]


def _changed(caller: Caller, leads: list[int]) -> list[Awaitable[int]]:
    return [call for lead in leads for call in (caller.convert(lead, caller.email()), caller.patch(lead))]


SITUATIONS: dict[str, Situation] = {
    "each lead once": _alone,
    "each lead by eight callers": _same_lead,
    "each e-mail by eight callers": _same_email,
    "each lead is changed at the same moment": _changed,
}


async def measured(server: Server, key: str, at_once: int, leads: int) -> None:
    """Print a row for each situation, with so many callers."""
    limits = httpx.Limits(max_connections=at_once)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=60) as http:
        caller = Caller(http, at_once)
        for name, situation in SITUATIONS.items():
            made = await caller.leads(leads)
            before, began = await caller.counted(), monotonic()
            statuses = Counter(await asyncio.gather(*situation(caller, made)))
            seconds, counted = monotonic() - began, await caller.counted()
            counted.subtract(before)
            answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
            numbers: list[Any] = [
                counted["leads_transactions_total committed"], counted["leads_transactions_total failed"],
                counted["leads_transaction_retries_total transaction"],
                counted["leads_transaction_retries_total commit"],
            ]  # fmt: skip
            row = [name, server.name, at_once, answers, f"{seconds:.1f}", *numbers]
            sys.stdout.write(f"| {' | '.join(map(str, row))} |\n")
            sys.stdout.flush()


def main() -> int:
    """Measure and print; return 1 if a server does not start."""
    parser = argparse.ArgumentParser(prog="python -m bench.contention", description="Count repeated transactions.")
    parser.add_argument("--leads", type=int, default=800, help="leads of each situation")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args()
    try:
        with database(options.server_binary, None) as (uri, _, name):
            target = Target(uri, name_of(1000), 1000)
            target.prepare(fresh=True)
            key = target.key()
            with peers(_SERVERS, uri, target.name, key) as servers:
                sys.stdout.write(f"Database: {name}.\n\n| {' | '.join(_HEAD)} |\n{'| --- ' * len(_HEAD)}|\n")
                for server in servers.values():
                    for at_once in (8, 32, 128):
                        asyncio.run(measured(server, key, at_once, options.leads))
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
