"""The list of leads: indexes, filters, sort orders and paging by cursor (contract, "List" and "Cursor paging")."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from leads_api.folding import caseless, caseless_email, composed
from leads_api.leads.cursor import START, Cursor, read_cursor, write_cursor
from leads_api.leads.model import EXTERNAL_KEY
from leads_api.leads.schemas import LeadQuery
from leads_api.mongo.client import Document
from leads_api.mongo.indexes import Index
from leads_api.mongo.long_values import opened
from leads_api.mongo.substrings import occurring

_SORTS = {
    "lead_title": "folded.title",
    "lead_value": "value",
    "lead_created": "dates.created",
    "lead_last_contacted": "last_contacted",
}

NEWEST_FIRST = [("dates.created", -1), ("_id", -1)]

_BELOW_ALL: dict[str, Any] = {
    "lead_title": "",
    "lead_value": -1,
    "lead_created": datetime(1, 1, 1, tzinfo=UTC),
    "lead_last_contacted": "",
}
"""A key above null and below every value. A lead of another version may lack any key."""

# MongoDB can scan each index in both directions. Equality fields come before the sort key, so common lists need no sort
# in memory. No string field is descending, because the embedded server does not support that.
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
    Index("phone_created", (("folded.phone", 1), ("dates.created", 1), ("_id", 1)), texts_only=("folded.phone",)),
    Index(
        "company_and_name_created",
        (("folded.company_name", 1), ("folded.last_name", 1), ("dates.created", 1), ("_id", 1)),
        texts_only=("folded.company_name", "folded.last_name"),
    ),
    Index("tag_created", (("folded.tags", 1), ("dates.created", 1), ("_id", 1))),
    Index("external_id", ((EXTERNAL_KEY, 1),), sparse=True),
    Index("search", (("search", 1),)),
]


def filter_of(query: LeadQuery) -> dict[str, Any]:
    """Return the query filter of a request, the most selective conditions first.

    Range bounds are exclusive and use the next value outside the range. The matches are the same, and correct also on
    servers that lose the documents at an inclusive bound.
    """
    equal = {
        EXTERNAL_KEY: query.external_id and composed(query.external_id),
        "folded.email": query.email and caseless_email(query.email),
        "folded.phone": query.phone,
        "folded.source": query.source and caseless(query.source),
        "folded.tags": query.tag and caseless(query.tag),
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
    except OverflowError:  # outside the range of datetime there is nothing to exclude
        return None


def _day(day: str | None, step: int) -> str | None:
    if day is None:
        return None
    try:
        return (date.fromisoformat(day) + timedelta(days=step)).isoformat()
    except OverflowError:  # the first or last day: a string that sorts before or after all dates
        return "" if step < 0 else "9999-12-32"


def order_of(query: LeadQuery) -> list[tuple[str, int]]:
    """Return the sort order, with the id in the same direction as tie-breaker, so that each lead is on one page."""
    direction = 1 if query.order == "asc" else -1
    return [(_SORTS[query.sort], direction), ("_id", direction)]


def segments(query: LeadQuery) -> Iterator[dict[str, Any]]:
    """Yield the filters of the segments after a cursor, to be read in this order until the page is full.

    The segments are: the remaining leads with the last lead's key, the leads behind that key, the leads without a key.
    Each is one range of the sort's index, so every page has the same cost. An offset, or an `$or` of the segments,
    would not achieve this.
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
        # This may replace a bound of the filters, which is wider: the last lead was within it.
        yield wanted | {field: wanted.get(field, {}) | {behind: last.key}}
        if behind == "$lt" and field not in wanted:
            yield wanted | {field: None}
    elif behind == "$gt":
        yield wanted | {field: {"$gt": _BELOW_ALL[query.sort]}}


def next_cursor(query: LeadQuery, found: Sequence[bytes], count: int) -> str | None:
    """Return the token of the next page; None if there is none. The page has the first `count` of the leads found."""
    if len(found) <= count:
        return None
    last, following = (opened(each).document for each in found[count - 1 : count + 1])
    key = _key(last, query)
    return write_cursor(Cursor(key, last["_id"], ties=_key(following, query) == key), asdict(query))


def _key(document: Document, query: LeadQuery) -> Any:
    outer, _, inner = _SORTS[query.sort].partition(".")
    return (document.get(outer) or {}).get(inner) if inner else document.get(outer)
