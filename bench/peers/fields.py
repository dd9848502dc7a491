"""A lead's fields: where its document keeps them, and what it is found and sorted by."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from bench.peers.schemas import cents

WHOLE = {"comments": 0, "search": 0, "folded": 0, "change": 0}
SORTS = {
    "lead_title": "folded.title",
    "lead_value": "value",
    "lead_created": "dates.created",
    "lead_last_contacted": "last_contacted",
}
SEARCHED = ("title", "contact.company_name", "contact.email")
CONVERTED, CLIENT_CATEGORY = 2, 2
MAX_COMMENTS, MAX_COMMENT_BYTES = 5000, 4 * 1024 * 1024

_FIELDS = {
    "lead_title": "title",
    "lead_status": "status",
    "lead_categoryid": "category",
    "lead_firstname": "contact.first_name",
    "lead_lastname": "contact.last_name",
    "lead_email": "contact.email",
    "lead_phone": "contact.phone",
    "lead_company_name": "contact.company_name",
    "lead_job_position": "contact.job_position",
    "lead_website": "contact.website",
    "lead_value": "value",
    "lead_source": "source",
    "lead_last_contacted": "last_contacted",
    "lead_description": "description",
    "lead_street": "address.street",
    "lead_city": "address.city",
    "lead_state": "address.state",
    "lead_zip": "address.zip",
    "lead_country": "address.country",
}
_FOLDED = {
    "title": "folded.title",
    "contact.company_name": "folded.company",
    "contact.email": "folded.email",
    "source": "folded.source",
}


def assignments(changes: BaseModel) -> dict[str, Any]:
    """Return what a request's fields set in the document, by path; folded copies included, `search` not."""
    values = {_FIELDS[name]: value for name, value in changes.model_dump(exclude_unset=True).items()}
    if "value" in values:
        values["value"] = cents(values["value"])
    if values.get("last_contacted"):
        values["last_contacted"] = values["last_contacted"].isoformat()
    return values | {copy: folded(values[path]) for path, copy in _FOLDED.items() if path in values}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return values by path as a tree."""
    tree: dict[str, Any] = {"contact": {}, "address": {}, "folded": {}}
    for path, value in values.items():
        outer, _, inner = path.partition(".")
        if inner:
            tree[outer][inner] = value
        else:
            tree[outer] = value
    return tree


def touch(moment: datetime, change: dict[str, Any]) -> dict[str, Any]:
    """Return what every write sets, besides raising the version."""
    return {"dates.updated": moment, "change": change}


def filter_of(status: int | None, search: str | None) -> dict[str, Any]:
    query: dict[str, Any] = {}
    words = sorted(set(_plain(search or "").split()), key=lambda word: (-len(word), word))
    beginnings = [{"search": {"$regex": f"^{re.escape(word)}"}} for word in words]
    if beginnings:
        query |= beginnings[0]
    if len(beginnings) > 1:
        query["$and"] = beginnings[1:]
    if status is not None:
        query["status"] = status
    return query


def pieces(*texts: str | None) -> list[str]:
    """Return what `search` looks into: every ending of every word."""
    words = {word for text in texts if text for word in _plain(text).split()}
    return sorted({word[start:] for word in words for start in range(len(word))})


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()
