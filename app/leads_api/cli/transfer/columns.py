"""Which column of a file is which field of a lead, and what a record becomes: the body of a request."""

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from leads_api.catalog.cache import Snapshot
from leads_api.catalog.model import LEAD_CATEGORY, NEW
from leads_api.cli.connection import Refused
from leads_api.cli.transfer.flat import INPUTS, SHOWN_ONLY, as_written, body_of, is_shown
from leads_api.cli.transfer.records import Record, identity_of
from leads_api.cli.transfer.report import REASON_COLUMNS
from leads_api.cli.transfer.vendors import NAME, VENDORS, Vendor
from leads_api.folding import caseless

EXTERNAL_ID = "lead_external_id"
_DEFAULTS: dict[str, Any] = {"lead_status": NEW, "lead_categoryid": LEAD_CATEGORY}
_LEFT_OUT = ""
_DATE_LENGTH = len("2026-06-15")
_TITLE_LENGTH = 250


class MappingFile(Struct, forbid_unknown_fields=True):
    """A mapping file (TOML)."""

    columns: dict[str, str] = {}
    """The field for each column; an empty one leaves the column out."""
    values: dict[str, dict[str, str | int]] = {}
    """By field: what a value of the file becomes."""
    defaults: dict[str, str | int] = {}
    """By field: the value of records that have none."""


def read_mapping(path: str) -> MappingFile:
    """Return a mapping file. Raises Refused."""
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text("utf-8")), MappingFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no mapping file: {error}.") from None


class Body(NamedTuple):
    """The body of a request."""

    given: dict[str, Any]
    """What the record has."""
    filled: dict[str, Any]
    """What a new lead gets because the record does not have it."""


class Columns:
    """What the columns of one file are."""

    def __init__(self, header: Collection[str], given: MappingFile | None, settings: Snapshot) -> None:
        """`header` is empty for NDJSON. Raises Refused for a column that is not known, and for two of one field."""
        given = given or MappingFile()
        custom = {field["name"] for field in settings.custom_fields}
        self._fields = {*INPUTS, NAME, *custom}
        self._is_json = not header
        self.vendor = _vendor_of(header)
        self.targets: dict[str, str] = self._chosen(header, given) if header else given.columns
        self._titles = {
            "lead_status": _ids(settings.statuses, "title"),
            "lead_categoryid": _ids(settings.categories, "name", type="lead"),
        }
        self._values = {field: {caseless(str(k)): v for k, v in table.items()} for field, table in given.values.items()}
        if self.vendor and self.vendor.statuses:
            self._values["lead_status"] = {**self.vendor.statuses, **self._values.get("lead_status", {})}
        self._defaults = _DEFAULTS | given.defaults
        for name in (*given.values, *given.defaults, *given.columns.values()):
            if name != _LEFT_OUT and name not in self._fields:
                raise Refused(f"the mapping names {name}, which is no field of leads.{_near(name, self._fields)}")

    @property
    def left_out(self) -> list[str]:
        """The columns that are not imported."""
        return [column for column, target in self.targets.items() if target == _LEFT_OUT]

    @property
    def digest(self) -> str:
        """A text that changes with what records become."""
        parts = repr((self.targets, self._values, self._defaults))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def _chosen(self, header: Collection[str], given: MappingFile) -> dict[str, str]:
        if missing := [column for column in given.columns if column not in header]:
            raise Refused(
                f"the mapping names the column {missing[0]}, which the file does not have.{_near(missing[0], header)}"
            )
        chosen: dict[str, str] = {}
        for column in header:
            target = given.columns.get(column)
            if target is None:
                target = self._guessed(column, set(chosen.values()) | set(given.columns.values()))
            elif target != _LEFT_OUT and target in chosen.values():
                raise Refused(f"the mapping names {target} for two columns.")
            chosen[column] = target
        return chosen

    def _guessed(self, column: str, taken: Collection[str]) -> str:
        """Return the field of a column that the mapping file does not name."""
        if column in self._fields:
            return column
        if self.vendor:
            field = self.vendor.columns.get(column.lower(), _LEFT_OUT)
            return field if field not in taken else _LEFT_OUT
        if column in SHOWN_ONLY or column in REASON_COLUMNS or not column:
            return _LEFT_OUT
        raise Refused(
            f"the column {column} is no field of leads.{_near(column, self._fields)} Name the field that it is in a"
            " mapping file (--map)."
        )

    def body(self, record: Record) -> Body:
        """Return the body of the request that creates the lead of a record."""
        values = record.values
        if is_shown(values):
            given = body_of(values)
        elif self._is_json:
            given = {self.targets.get(name, name): value for name, value in values.items()}
            given.pop(_LEFT_OUT, None)
        else:
            given = {
                target: as_written(values[column]) for column, target in self.targets.items() if target != _LEFT_OUT
            }
        _name(given)
        for name in [name for name in (*self._defaults, "lead_title") if _is_blank(given.get(name))]:
            given.pop(name, None)
        filled = {name: value for name, value in self._defaults.items() if name not in given}
        if "lead_title" not in given and (title := _title(given)):
            filled["lead_title"] = title
        self._translate(given)
        self._translate(filled)
        if _is_blank(given.get(EXTERNAL_ID)):
            # So that an import that is repeated makes no second lead.
            given[EXTERNAL_ID] = f"import-{hashlib.sha256(identity_of(values).encode()).hexdigest()[:32]}"
        return Body(given, filled)

    def _translate(self, body: dict[str, Any]) -> None:
        for field, table in self._values.items():
            if isinstance(value := body.get(field), str):
                body[field] = table.get(caseless(value.strip()), value)
        for field, ids in self._titles.items():
            if isinstance(value := body.get(field), str):
                body[field] = ids.get(caseless(value.strip()), value)
        date = body.get("lead_last_contacted")
        if self.vendor and isinstance(date, str) and date[_DATE_LENGTH : _DATE_LENGTH + 1] in {" ", "T"}:
            body["lead_last_contacted"] = date[:_DATE_LENGTH]


def _vendor_of(header: Collection[str]) -> Vendor | None:
    there = {column.lower() for column in header}
    return next((vendor for vendor in VENDORS if vendor.signs <= there), None)


def _ids(records: Mapping[int, Mapping[str, Any]], title: str, **wanted: str) -> dict[str, int]:
    return {
        caseless(record[title]): number
        for number, record in records.items()
        if not record["deleted"] and all(record[name] == value for name, value in wanted.items())
    }


def _near(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _name(body: dict[str, Any]) -> None:
    """Split a name that is in one column: the last word is the last name."""
    whole = body.pop(NAME, None)
    if isinstance(whole, str) and not body.get("lead_firstname") and not body.get("lead_lastname"):
        first, _, last = whole.strip().rpartition(" ")
        body["lead_firstname"], body["lead_lastname"] = first, last


def _title(body: dict[str, Any]) -> str | None:
    """Return a title for a lead without one: its company and person, or its e-mail."""
    texts = {name: value for name, value in body.items() if isinstance(value, str)}
    person = " ".join(filter(None, (texts.get("lead_firstname"), texts.get("lead_lastname"))))
    title = " - ".join(filter(None, (texts.get("lead_company_name"), person))) or texts.get("lead_email")
    return title[:_TITLE_LENGTH] if title else None
