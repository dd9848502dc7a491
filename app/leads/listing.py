"""The list of leads: filters, sorts, pages and counts (contract, "List")."""

import asyncio
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from app.leads.model import folded
from app.leads.schemas import LeadQuery
from app.mongo.client import Collection
from app.mongo.indexes import Index
from app.mongo.substrings import occurring

EXACT_UP_TO = 10_000
COUNT_SECONDS = 5.0
_REMEMBERED = 1000

_SORTS = {
    "lead_title": "folded.title",
    "lead_value": "value",
    "lead_created": "dates.created",
    "lead_last_contacted": "last_contacted",
}

# MongoDB walks each of these backwards as well; equalities come before the sort, so the common lists need no sort in
# memory. No string field is descending: the embedded server cannot.
INDEXES = [
    Index("created", (("dates.created", 1), ("_id", 1))),
    Index("updated", (("dates.updated", 1), ("_id", 1))),
    Index("title", (("folded.title", 1), ("_id", 1))),
    Index("value", (("value", 1), ("_id", 1))),
    Index("last_contacted", (("last_contacted", 1), ("_id", 1))),
    Index("status_created", (("status", 1), ("dates.created", 1), ("_id", 1))),
    Index("category_created", (("category", 1), ("dates.created", 1), ("_id", 1))),
    Index("active_state_created", (("active_state", 1), ("dates.created", 1), ("_id", 1))),
    Index("converted_created", (("converted.is_converted", 1), ("dates.created", 1), ("_id", 1))),
    Index("assigned_created", (("assigned", 1), ("dates.created", 1), ("_id", 1))),
    Index("source_created", (("folded.source", 1), ("dates.created", 1), ("_id", 1))),
    Index("email_created", (("folded.email", 1), ("dates.created", 1), ("_id", 1))),
    Index("tag_created", (("folded.tags", 1), ("dates.created", 1), ("_id", 1))),
    Index("search", (("search", 1),)),
]


def filter_of(query: LeadQuery) -> dict[str, Any]:
    """Return the filter, the most selective conditions first.

    Bounds are exclusive with the next value beyond: the same rows, and right also on servers that lose the rows at an
    inclusive bound.
    """
    equal = {
        "folded.email": folded(query.email),
        "folded.source": folded(query.source),
        "folded.tags": folded(query.tag),
        "assigned": query.assigned_user_id,
        "status": None if query.status is None else _one_or_in(query.status),
        "category": query.category_id,
        "active_state": query.active_state,
        "converted.is_converted": None if query.converted is None else query.converted == "yes",
    }
    found = {field: value for field, value in equal.items() if value is not None}
    ranges = {
        "value": _between(
            None if query.value_min is None else query.value_min - 1,
            None if query.value_max is None else query.value_max + 1,
        ),
        "last_contacted": _between(_day(query.last_contacted_from, -1), _day(query.last_contacted_to, 1)),
        "dates.created": _between(_moment(query.created_from, -1), _moment(query.created_to, 1)),
        "dates.updated": _between(_moment(query.updated_from, -1), _moment(query.updated_to, 1)),
    }
    found |= {field: bounds for field, bounds in ranges.items() if bounds}
    return occurring(query.search or "") | found


def _one_or_in(ids: list[int]) -> int | dict[str, list[int]]:
    return ids[0] if len(ids) == 1 else {"$in": ids}


def _between(above: Any, below: Any) -> dict[str, Any]:
    return ({} if above is None else {"$gt": above}) | ({} if below is None else {"$lt": below})


def _moment(moment: datetime | None, step: int) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment + timedelta(milliseconds=step)
    except OverflowError:  # beyond the first or the last moment there is nothing to leave out
        return None


def _day(day: str | None, step: int) -> str | None:
    if day is None:
        return None
    try:
        return (date.fromisoformat(day) + timedelta(days=step)).isoformat()
    except OverflowError:  # the first and the last day have no neighbour: a string before or behind all dates
        return "" if step < 0 else "9999-12-32"


def order_of(query: LeadQuery) -> list[tuple[str, int]]:
    """Return the sort, with the id as tie-break in the same direction, so that pages meet each lead once."""
    direction = 1 if query.order == "asc" else -1
    return [(_SORTS[query.sort], direction), ("_id", direction)]


class Counts:
    """Counts that stay cheap: exact up to 10 000; beyond, up to 5 seconds old, taken by one query at a time."""

    def __init__(self, leads: Collection) -> None:
        self._leads = leads
        self._known: dict[str, tuple[float, int]] = {}
        self._counting = asyncio.Lock()

    async def of(self, query: dict[str, Any]) -> int:
        """Return how many leads a filter finds."""
        key = repr(query)
        if (total := self._remembered(key)) is not None:
            return total
        some = await self._leads.count_documents(query, limit=EXACT_UP_TO + 1)
        if some <= EXACT_UP_TO:
            return some
        async with self._counting:
            if (total := self._remembered(key)) is not None:
                return total
            total = await self._leads.count_documents(query)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = (monotonic() + COUNT_SECONDS, total)
            return total

    def _remembered(self, key: str) -> int | None:
        until, total = self._known.get(key, (0.0, 0))
        return total if monotonic() < until else None
