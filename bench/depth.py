"""Does a page cost more deep in the list, or in a longer list? One request after the other, on databases of some sizes.

    LEADS_MONGODB_URI=... python -m bench.depth --leads 10000,100000,1000000

The databases are those of bench.run, and must be there. The table has medians in milliseconds, the database included.

Of the pages, the default list alone is by number, and has a total. Of more than 10 000 leads the service remembers it
for 5 seconds; the list is asked for beforehand, so the median is that of the find, and one count more does not move it.
"""

import argparse
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx

from bench.servers import database, peers
from bench.target import Target, name_of
from leads_api.leads.cursor import Cursor, write_cursor
from leads_api.mongo.client import Database

_QUERY = {"sort": "lead_created", "order": "desc"}
_TIMES = 25


def _moments(target: Target) -> dict[str, datetime]:
    """Return when a lead was created in the middle of the list, and near its end."""

    async def work(database: Database) -> list[datetime]:
        # The dates of data.py are spread evenly over the ids' dice, so a sample of them tells the shares.
        ids = list(range(1, target.leads, max(1, target.leads // 1000)))
        sample = database["leads"].find({"_id": {"$in": ids}}, {"dates": 1})
        return sorted([lead["dates"]["created"] async for lead in sample], reverse=True)

    dates = target.ask(work)
    return {"middle": dates[len(dates) // 2], "last tenth": dates[len(dates) * 9 // 10]}


def _median_ms(http: httpx.Client, paths: list[str]) -> float:
    taken = []
    for path in paths:
        began = time.perf_counter()
        http.get(path).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.depth", description="Measure pages at any depth.")
    parser.add_argument("--leads", default="10000,100000,1000000")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args()
    sys.stdout.write(
        "| leads | get | default list | first page by cursor | with a status | in the middle | in the last tenth |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    )
    with database(options.server_binary, None) as (uri, _, _):
        for leads in map(int, options.leads.split(",")):
            target = Target(uri, name_of(leads), leads)
            key = target.key()
            tokens = [write_cursor(Cursor(moment, 1, ties=False), _QUERY) for moment in _moments(target).values()]
            with peers(["leads"], uri, target.name, key) as servers:
                headers = {"Authorization": f"Bearer {key}"}
                with httpx.Client(base_url=servers["leads"].url, headers=headers, timeout=30) as http:
                    _median_ms(http, ["/api/leads"] * 2)
                    figures = [
                        _median_ms(http, [f"/api/leads/{1 + place * (leads // _TIMES)}" for place in range(_TIMES)]),
                        _median_ms(http, ["/api/leads"] * _TIMES),
                        _median_ms(http, ["/api/leads?cursor=*"] * _TIMES),
                        _median_ms(http, ["/api/leads?cursor=*&status=5"] * _TIMES),
                        *(_median_ms(http, [f"/api/leads?cursor={token}"] * _TIMES) for token in tokens),
                    ]
            sys.stdout.write(f"| {leads} | {' | '.join(f'{figure:.1f}' for figure in figures)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
