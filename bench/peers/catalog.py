"""The settings that leads refer to by id, remembered for a moment; and counts that stay cheap."""

import time
from typing import Any

from bench.peers.schemas import Named, StatusOut
from bench.peers.web import CACHE_SECONDS, Invalid

EXACT_UP_TO = 10_000
COUNT_SECONDS = 5.0
_ALL = {"_id": {"$gt": 0}}
"""Counts entries of an index, where no condition at all makes the server read every document."""


class Catalog:
    """Statuses, categories and people by id."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._until = 0.0
        self.statuses: dict[int, StatusOut] = {}
        self.categories: dict[int, Named] = {}
        self.people: dict[int, Named] = {}
        self._order: dict[int, tuple[str, str, int]] = {}
        self.active: set[int] = set()
        self._for_leads: set[int] = set()

    async def fresh(self) -> "Catalog":
        if time.monotonic() >= self._until:
            await self._load()
        return self

    async def _load(self) -> None:
        self._until = time.monotonic() + CACHE_SECONDS  # the callers of this moment use what was known before
        statuses = await self._database["lead_statuses"].find().to_list()
        categories = await self._database["categories"].find().to_list()
        people = await self._database["users"].find({"type": "team"}).to_list()
        self.statuses = {s["_id"]: StatusOut(id=s["_id"], title=s["title"], color=s["color"]) for s in statuses}
        self.categories = {c["_id"]: Named(id=c["_id"], name=c["name"]) for c in categories}
        self.people = {p["_id"]: Named(id=p["_id"], name=f"{p['first_name']} {p['last_name']}".strip()) for p in people}
        self._order = {p["_id"]: (p["first_name"].casefold(), p["last_name"].casefold(), p["_id"]) for p in people}
        self.active = {p["_id"] for p in people if p["status"] == "active" and not p["deleted"]}
        self._for_leads = {c["_id"] for c in categories if c["type"] == "lead" and not c["deleted"]}

    async def is_active(self, user: int) -> bool:
        return user in (await self.fresh()).active

    async def check(self, **chosen: int) -> None:
        """Refuse a status or a category that there is not, by the name of the field that chose it."""
        await self.fresh()
        for field, value in chosen.items():
            known = self._for_leads if field == "lead_categoryid" else self.statuses
            if value not in known:
                raise Invalid(field, f"The selected {field.replace('_', ' ')} is invalid.")

    def assigned(self, ids: list[int]) -> list[Named]:
        return [self.people[i] for i in sorted(ids, key=self._order.__getitem__)]


class Counts:
    """Exact up to 10 000; beyond, up to 5 seconds old: as the service counts."""

    def __init__(self, leads: Any) -> None:
        self._leads = leads
        self._known: dict[str, tuple[float, int]] = {}

    async def of(self, query: dict[str, Any]) -> int:
        key = repr(query)
        query = query or _ALL
        until, known = self._known.get(key, (0.0, 0))
        if time.monotonic() < until:
            return known
        total: int = await self._leads.count_documents(query, limit=EXACT_UP_TO + 1)
        if total > EXACT_UP_TO:
            total = await self._leads.count_documents(query)
            self._known[key] = (time.monotonic() + COUNT_SECONDS, total)
        return total
