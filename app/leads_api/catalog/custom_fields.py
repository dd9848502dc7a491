"""Custom fields of leads: validation rules from their definitions, and the conversion of their values."""

from collections.abc import Mapping
from typing import Any

from leads_api.catalog.cache import Catalog
from leads_api.mongo.client import Document
from leads_api.validation.rules import Rule
from leads_api.validation.values import INT64_MAX, Convert, calendar_date, cents, choice, integer, shown_cents, text

MAX_TEXT, MAX_PARAGRAPH = 250, 65_000


class LeadRules:
    """Provides the rules of the custom fields of a request, by name (contract, "Create, PUT, PATCH")."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._made: tuple[int, Mapping[str, Rule]] | None = None

    async def __call__(self, *, anew: bool = False) -> Mapping[str, Rule]:
        """Return the rules of the enabled fields; they are rebuilt after a setting has changed.

        `anew` looks for changes that other processes have just made.
        """
        snapshot = await (self._catalog.looked_up() if anew else self._catalog.snapshot())
        if self._made is None or self._made[0] != snapshot.revision:
            self._made = (snapshot.revision, {field["name"]: _rule(field) for field in snapshot.custom_fields})
        return self._made[1]


def _rule(field: Document) -> Rule:
    required = field["is_required"] and field["on_standard_form"]
    return Rule(name=field["name"], convert=_convert(field), required=required)


def _convert(field: Document) -> Convert:
    match field["datatype"]:
        case "text":
            return text(MAX_TEXT)
        case "paragraph":
            return text(MAX_PARAGRAPH)
        case "number":
            return integer()
        case "decimal":
            return cents(-INT64_MAX, INT64_MAX)
        case "date":
            return calendar_date
        case "checkbox":
            return choice(["on"])
        case "dropdown":
            return choice(field["options"])
    raise AssertionError(field["datatype"])


def stored(given: Mapping[str, Any], fields: list[Document]) -> dict[str, Any]:
    """Return the values by field id. A field id is never used again, but a field name may be."""
    ids = {field["name"]: str(field["_id"]) for field in fields}
    return {ids[name]: value for name, value in given.items() if name in ids}


def shown(values: Mapping[str, Any], fields: list[Document]) -> dict[str, int | str | None]:
    """Return the value of every enabled field by name; decimals as text with two digits, for example `2.50`."""
    result: dict[str, int | str | None] = {}
    for field in fields:
        value = values.get(str(field["_id"]))
        if value is not None and field["datatype"] == "decimal":
            value = shown_cents(value)
        result[field["name"]] = value
    return result
