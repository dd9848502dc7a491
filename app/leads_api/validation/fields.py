"""Annotated types for the fields of requests: each has its OpenAPI schema and its conversion."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from leads_api.validation.values import (
    INT64_MAX,
    MAX_CENTS,
    Convert,
    calendar_date,
    cents,
    email,
    ids,
    moment,
    page_limit,
    phone,
    search_words,
    segment,
)

_CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f"
_MOMENT_SCHEMA = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}


def _kind(convert: Convert, schema: dict[str, Any], description: str | None = None) -> Meta:
    """Return the Meta of a field with its own conversion; `schema` describes what is sent, the type what is stored."""
    return Meta(description=description, extra={"convert": convert}, extra_json_schema={"sent": schema})


Email = Annotated[str, _kind(email(150), {"type": "string", "format": "idn-email", "maxLength": 150})]
Phone = Annotated[
    str,
    _kind(
        phone(150),
        {"type": "string", "maxLength": 150, "pattern": f"^([^0-9{_CONTROLS}]*[0-9]){{7}}[^{_CONTROLS}]*$"},
        "Only the digits are compared, at least seven, without a leading `+` or `00`.",
    ),
]
Segment = Annotated[
    str,
    _kind(
        segment(150),
        {"type": "string", "maxLength": 150, "pattern": rf"^(?!\s*\.{{1,2}}\s*$)[^{_CONTROLS}]*$"},
    ),
]
Money = Annotated[
    int,
    _kind(
        cents(0, MAX_CENTS),
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 99999999.99},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
            ]
        },
        "Rounded half up to cents.",
    ),
]
Date = Annotated[str, _kind(calendar_date, {"type": "string", "format": "date"})]
From = Annotated[
    datetime,
    _kind(
        moment(end=False),
        _MOMENT_SCHEMA,
        "A date or a timestamp, inclusive.",
    ),
]
Until = Annotated[
    datetime,
    _kind(
        moment(end=True),
        _MOMENT_SCHEMA,
        "A date (its whole day) or a timestamp, inclusive.",
    ),
]
Ids = Annotated[
    list[int],
    _kind(
        ids,
        {"type": "string", "pattern": "^[1-9][0-9]{0,17}(,[1-9][0-9]{0,17}){0,99}$", "maxLength": 1900},
        "One id, or several like `1,3`.",
    ),
]
Id = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Page = Annotated[int, Meta(ge=1, le=INT64_MAX, description="The first page is 1.")]
Limit = Annotated[
    int,
    _kind(
        page_limit,
        {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
        "Records on a page. A value above 100 is reduced to 100.",
    ),
]
Words = Annotated[
    str,
    _kind(
        search_words,
        {"type": "string", "maxLength": 250},
        "Every word must occur. Case and accents do not matter, and `ø`, `ß` or `–` are found by `o`, `ss` or `-`.",
    ),
]
