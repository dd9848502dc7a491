"""Leads to measure with: as many as wanted, in the service's own shape, the same ones every time.

    python -m bench.data --leads 100000 --uri mongodb://127.0.0.1:27017/?replicaSet=rs0

A lead depends on its id alone, so a run that was cut off goes on where it stopped.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from leads_api.catalog.model import CONVERTED, LEAD_CATEGORY, NEW
from leads_api.leads.model import assignments, new_document
from leads_api.memory import Memory
from leads_api.mongo.client import Client, Database, Document, close, connect
from leads_api.services import Services
from leads_api.settings import Settings
from leads_api.setup import set_up

CONVERTED_EVERY = 12
"""Leads whose id is a multiple of it have been converted; the load leaves them out where it converts."""
FIRST_CLIENT = 1_000_000_000
"""What the load converts gets client ids from here on, so that it can be told from the data, and undone."""

_BATCH = 1000
_SEED = "leads"
_NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
_YEARS = timedelta(days=3 * 365)
_STATUSES, _STATUS_WEIGHTS = [NEW, 5, 3, 4, 7], [34, 26, 18, 12, 10]
_MEMBERS = [
    ("Sam", "Lee"), ("Ana", "Moreira"), ("Jörg", "Weiß"), ("Chloé", "Dubois"), ("Omar", "Haddad"), ("Yuki", "Tanaka"),
    ("Ivana", "Novák"), ("Peter", "Olsen"), ("Grace", "Okafor"), ("Luis", "García"), ("Priya", "Nair"),
    ("Tom", "Byrne"),
]  # fmt: skip
_CATEGORIES = ["Partners", "Enterprise", "Retail", "Public sector"]
_SOURCES = ["Website", "Referral", "Trade fair", "Newsletter", "Cold call", "LinkedIn", "Webinar", "Partner"]
_TAGS = ["priority", "vip", "follow-up", "budget", "shop", "relaunch", "support", "eu", "q3", "q4", "demo", "tender"]
_FIRST = [
    "Jane", "John", "Maria", "Ahmed", "Wei", "Olga", "Pierre", "Zoë", "Carlos", "Ingrid", "Kofi", "Leila", "Björn",
    "Aoife", "Hiro", "Nina",
]  # fmt: skip
_LAST = [
    "Doe", "Smith", "Müller", "Rossi", "Chen", "Petrov", "Martin", "Núñez", "Larsen", "Mensah", "Haddad", "Sato",
    "Kelly", "Novak", "Silva", "Berg",
]  # fmt: skip
_STEMS = [
    "Acme", "Nord", "Blue", "Vertex", "Café", "Solar", "Delta", "Pixel", "Harbor", "Granit", "Lumen", "Terra",
    "Quanta", "Orbit", "Maple", "Falcon",
]  # fmt: skip
_KINDS = [
    "Works", "Logistics", "Foods", "Systems", "Media", "Energy", "Textiles", "Consulting", "Robotics", "Travel",
    "Health", "Labs",
]  # fmt: skip
_SUBJECTS = [
    "new website", "online shop", "ERP rollout", "mobile app", "maintenance contract", "hosting", "data migration",
    "training", "brand refresh", "newsletter system", "security audit", "booking portal",
]  # fmt: skip
_CITIES = [("Porto", "Portugal"), ("Lyon", "France"), ("Köln", "Germany"), ("Austin", "USA"), ("Oslo", "Norway")]
_SENTENCE = "Asked for an offer with dates and a fixed price, and wants to hear from us before the end of the month."


def lead(lead_id: int, categories: list[int], members: list[int]) -> Document:
    """Return the document of a lead."""
    dice = Random(f"{_SEED} {lead_id}")  # noqa: S311 - the same every time is what is wanted
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    brand = f"{dice.choice(_STEMS)}{dice.choice(_STEMS).lower()}"
    company = f"{brand} {dice.choice(_KINDS)}"
    city, country = dice.choice(_CITIES)
    age = _YEARS * dice.random() ** 2  # younger ones are more
    created = _whole(_NOW - age)
    given = {
        "lead_title": f"{company} - {dice.choice(_SUBJECTS)}",
        "lead_status": dice.choices(_STATUSES, _STATUS_WEIGHTS)[0],
        "lead_categoryid": dice.choice(categories),
        "lead_firstname": first,
        "lead_lastname": last,
        "lead_email": f"{first}.{last}.{lead_id}@{brand.lower()}.example",
        "lead_phone": f"+1 555 {dice.randrange(10_000_000):07}",
        "lead_company_name": company,
        "lead_job_position": dice.choice(["CTO", "Buyer", "Owner", None]),
        "lead_website": f"https://{brand.lower()}.example",
        "lead_value": None if dice.random() < 0.15 else round(dice.lognormvariate(8, 1.2) * 100),
        "lead_source": dice.choice(_SOURCES),
        "lead_last_contacted": None if dice.random() < 0.3 else (created + age * dice.random()).date().isoformat(),
        "lead_description": " ".join([_SENTENCE] * dice.randrange(4)) or None,
        "lead_street": f"{dice.randrange(1, 200)} Main Street",
        "lead_city": city,
        "lead_zip": f"{dice.randrange(100_000):05}",
        "lead_country": country,
    }
    document = new_document(lead_id, assignments(given, []), created, {"type": "created", "by": 1, "request_id": None})
    return document | _history(dice, lead_id, document, members, age)


def _history(dice: Random, lead_id: int, document: Document, members: list[int], age: timedelta) -> Document:
    """Return what has become of a lead since it was created."""
    created = document["dates"]["created"]
    tags = dice.sample(_TAGS, dice.choices([0, 1, 2, 4], [45, 30, 20, 5])[0])
    moments = sorted(_whole(created + age * dice.random()) for _ in range(min(int(dice.expovariate(0.4)), 40)))
    texts = [_SENTENCE[: dice.randrange(20, 100)] for _ in moments]
    comments = [
        {"id": lead_id * 100 + n, "text": text, "creator": dice.choice(members), "created": at}
        for n, (at, text) in enumerate(zip(moments, texts, strict=True))
    ]
    changed: Document = {
        "tags": tags,
        "folded": document["folded"] | {"tags": tags},
        "assigned": dice.sample(members, dice.choices([0, 1, 2, 3], [25, 50, 20, 5])[0]),
        "active_state": "archived" if dice.random() < 0.12 else "active",
        "comments": comments,
        "comments_count": len(comments),
        "comments_bytes": sum(len(text.encode()) for text in texts),
        "version": 1 + len(comments) + dice.randrange(6),
        "dates": {"created": created, "updated": moments[-1] if moments else created},
    }
    if lead_id % CONVERTED_EVERY == 0:
        converted = {"is_converted": True, "client_id": lead_id // CONVERTED_EVERY, "date": changed["dates"]["updated"]}
        changed |= {"converted": converted, "status": CONVERTED}
    return changed


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


async def fill(client: Client, name: str, leads: int) -> None:
    """Write what is missing of so many leads, and the settings that they refer to."""
    database = client[name]
    await set_up(database)
    members, categories = await _settings(Services(Settings(mongodb_database=name), client, Memory()))
    last = await database["leads"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    missing = range(last["_id"] + 1 if last else 1, leads + 1)
    for ids in _batches(missing):
        await database["leads"].insert_many([lead(i, categories, members) for i in ids], ordered=True)
        if ids[-1] % 50_000 < _BATCH:
            sys.stderr.write(f"{ids[-1]} leads\n")
    least = {"leads": leads, "comments": _last_comment(leads), "clients": FIRST_CLIENT}
    for kind, number in least.items():
        await database["counters"].update_one({"_id": kind}, {"$max": {"last": number}})
    await restore(database, leads)


async def restore(database: Database, leads: int) -> None:
    """Undo what earlier loads have left; changed values and statuses stay."""
    await restore_created(database, leads)
    await restore_converted(database, leads)
    await restore_commented(database, leads)


async def restore_created(database: Database, leads: int) -> None:
    """Delete what earlier loads have created."""
    await database["leads"].delete_many({"_id": {"$gt": leads}})


async def restore_keys(database: Database, _leads: int) -> None:
    """Delete the idempotency keys of earlier loads."""
    await database["idempotency_keys"].delete_many({})


async def restore_commented(database: Database, leads: int) -> None:
    """Take the comments of earlier loads from their leads, which would be longer and longer."""
    last = _last_comment(leads)
    size = {"$map": {"input": "$comments", "in": {"$strLenBytes": "$$this.text"}}}
    await database["leads"].update_many(
        {"comments.id": {"$gt": last}},
        [
            {"$set": {"comments": {"$filter": {"input": "$comments", "cond": {"$lte": ["$$this.id", last]}}}}},
            {"$set": {"comments_count": {"$size": "$comments"}, "comments_bytes": {"$sum": size}}},
        ],
    )


async def restore_converted(database: Database, _leads: int) -> None:
    """Undo the conversions of earlier loads, so that their leads can be converted again."""
    await database["leads"].update_many(
        {"converted.is_converted": True, "converted.client_id": {"$gt": FIRST_CLIENT}},
        {"$set": {"converted": {"is_converted": False, "client_id": None, "date": None}, "status": NEW}},
    )
    await database["clients"].delete_many({})
    await database["users"].delete_many({"type": "client"})


RESTORED_BY: dict[str, list[Callable[[Database, int], Awaitable[None]]]] = {
    "create": [restore_created],
    "create_keyed": [restore_created, restore_keys],
    "mix": [restore_created, restore_commented],
    "comment": [restore_commented],
    "convert": [restore_converted],
}
"""What undoes a run of an operation."""


def _last_comment(leads: int) -> int:
    return (leads + 1) * 100


async def _settings(services: Services) -> tuple[list[int], list[int]]:
    """Return the ids of the members and the categories, which are created at the first time."""
    known: list[Any] = await services.database["users"].find({"type": "team"}).to_list(100)
    if len(known) == 1:
        for first, last in _MEMBERS:
            fields = {"first_name": first, "last_name": last, "email": f"{first}.{last}@crm.example".lower()}
            await services.team.create(fields | {"status": "active"})
        for name in _CATEGORIES:
            await services.categories.create({"name": name, "type": "lead", "is_default": False})
    categories = services.database["categories"].find({"type": "lead", "deleted": False})
    members = services.database["users"].find({"type": "team", "deleted": False})
    return sorted([m["_id"] async for m in members]), sorted([c["_id"] async for c in categories] or [LEAD_CATEGORY])


def _batches(ids: range) -> Iterator[range]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def main() -> None:
    """Fill a database from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.data", description="Write leads to measure with.")
    parser.add_argument("--uri", required=True, help="MongoDB replica set or sharded cluster")
    parser.add_argument("--database", default="leads_bench")
    parser.add_argument("--leads", type=int, default=10_000)
    options = parser.parse_args()

    async def work() -> None:
        client = connect(options.uri, request_timeout=60)
        await fill(client, options.database, options.leads)
        await close(client)

    asyncio.run(work())


if __name__ == "__main__":
    main()
