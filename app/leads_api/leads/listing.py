"""The list of leads: filters, sorts, pages and walks (contract, "List" and "Cursor paging")."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from leads_api.leads.cursor import START, Cursor, read_cursor, write_cursor
from leads_api.leads.model import folded
from leads_api.leads.schemas import LeadQuery
from leads_api.mongo.client import Document
from leads_api.mongo.indexes import Index
from leads_api.mongo.substrings import occurring

_SORTS = {
    "lead_title": "folded.title",
    "lead_value": "value",
    "lead_created": "dates.created",
    "lead_last_contacted": "last_contacted",
}

_BELOW_ALL = {"lead_value": -1, "lead_last_contacted": ""}
"""What is above null and below every value, of the sorts that have nulls."""

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


def segments(query: LeadQuery) -> Iterator[dict[str, Any]]:
    """Return the filters that find what comes after a cursor, to be read in turn until a page is full.

    Each is one range of the index of its sort, so a page deep in the list costs what the first one does, which neither
    an offset nor an `$or` of the cases would achieve: the leads that share the key of the last one, if any are left;
    those behind that key; those of no key.
    """
    wanted = filter_of(query)
    if query.cursor is None or query.cursor == START:
        yield wanted
        return
    field, behind = _SORTS[query.sort], "$gt" if query.order == "asc" else "$lt"
    last = read_cursor(query.cursor, asdict(query))
    if last.ties:
        yield wanted | {field: last.key, "_id": {behind: last.lead_id}}
    if last.key is not None:
        # A bound that the filters have on this side is further away: the last lead was within it.
        yield wanted | {field: wanted.get(field, {}) | {behind: last.key}}
        if behind == "$lt" and query.sort in _BELOW_ALL and field not in wanted:
            yield wanted | {field: None}
    elif behind == "$gt":
        yield wanted | {field: {"$gt": _BELOW_ALL[query.sort]}}


def next_cursor(query: LeadQuery, found: list[Document]) -> str | None:
    """Return where a walk goes on, from what it found: a page, and the lead after it if there is one."""
    if len(found) <= query.limit:
        return None
    last, following = found[query.limit - 1 : query.limit + 1]
    key = _key(last, query)
    return write_cursor(Cursor(key, last["_id"], ties=_key(following, query) == key), asdict(query))


def _key(document: Document, query: LeadQuery) -> Any:
    outer, _, inner = _SORTS[query.sort].partition(".")
    return document.get(outer, {}).get(inner) if inner else document.get(outer)
