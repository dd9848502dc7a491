"""A lead as one row of a CSV file, and a lead as the API shows it as the body of a request."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leads_api.leads.model import FIELDS

SHOWN_ONLY = (
    "id", "status", "category", "active_state", "is_converted", "client_id", "converted", "assigned", "tags",
    "comments_count", "created", "updated", "version",
)  # fmt: skip
"""The columns of an export that an import leaves out."""

_DANGEROUS = re.compile(r"'*[=+\-@\t\r]", re.ASCII)
_HARMLESS = re.compile(r"[-+]?[0-9 ().,/-]*", re.ASCII)


def columns_of(custom_fields: Iterable[str]) -> list[str]:
    """Return the columns of an export."""
    return ["id", *INPUTS, *custom_fields, *SHOWN_ONLY[1:]]


INPUTS: dict[str, str] = FIELDS
"""The fields of a request, and where a lead as it is shown has them."""


def body_of(lead: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that creates a lead like this one, as far as Create sets its fields."""
    return {name: _at(lead, path) for name, path in INPUTS.items()} | dict(lead.get("custom_fields") or {})


def is_shown(values: Mapping[str, Any]) -> bool:
    """Return whether a record is a lead as the API shows it."""
    return "title" in values and "contact" in values and isinstance(values.get("status"), dict)


def row_of(lead: Mapping[str, Any], custom_fields: Sequence[str]) -> list[str]:
    """Return the cells of a lead."""
    body, converted, dates = body_of(lead), lead["converted"], lead["dates"]
    cells = [lead["id"], *(body[name] for name in INPUTS), *(lead["custom_fields"].get(name) for name in custom_fields)]
    cells += [
        lead["status"]["title"], lead["category"]["name"], lead["active_state"],
        "yes" if converted["is_converted"] else "no", converted["client_id"], converted["date"],
        listed([str(person["id"]) for person in lead["assigned"]]), listed(lead["tags"]),
        lead["comments_count"], dates["created"], dates["updated"], lead["version"],
    ]  # fmt: skip
    return ["" if cell is None else harmless(str(cell)) for cell in cells]


def listed(items: Sequence[str]) -> str:
    """Return a list as a cell: separated by commas, or as JSON if an item has one."""
    if any("," in item or item.startswith("[") for item in items):
        return json.dumps(items, ensure_ascii=False)
    return ", ".join(items)


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before it, if it could be one."""
    return f"'{cell}" if _DANGEROUS.match(cell) and not _HARMLESS.fullmatch(cell) else cell


def as_written(cell: str) -> str:
    """Return what `harmless` was given."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell


def _at(lead: Mapping[str, Any], path: str) -> Any:
    value: Any = lead
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value.get("id") if isinstance(value, Mapping) else value
