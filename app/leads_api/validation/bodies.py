"""Decodes JSON bodies, form bodies and queries to plain values (contract, section 1, "Request bodies")."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from leads_api.errors import BadRequest, Faults, UnsupportedMediaType
from leads_api.validation.rules import Rule
from leads_api.validation.values import NOT_ALLOWED, SHOWN_NAME, add_fault

MAX_FIELDS = 1000
"""Limit of fields in a body or parameters in a query; a lead with every custom field has fewer."""

TOO_MANY_FIELDS = f"The request body must not have more than {MAX_FIELDS} fields."

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# The array notation of PHP, qs and many clients: name[]=a, or name[0]=a.
_ITEM = re.compile(r"(?P<name>.*)\[(?P<index>0|[1-9][0-9]{0,5})?\]", re.ASCII | re.DOTALL)


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # the exponent is too large; the field's rule refuses NaN
        return Decimal("NaN")


_decode = msgspec.json.Decoder(float_hook=_number).decode


class JsonOnly(UnsupportedMediaType):
    """The body has parts that a form cannot express."""

    message = "The request body must be sent as application/json."


def read_body(
    raw: bytes,
    content_type: str,
    content_encoding: str,
    rules: Mapping[str, Rule],
    faults: Faults,
    *,
    forms: bool = True,
) -> dict[str, Any]:
    """Return the fields of a body. Raises BadRequest or UnsupportedMediaType; adds the faults of a form's arrays.

    The rules are needed because a form does not show which fields are arrays. Without `forms`, only JSON is read.
    """
    if not raw:
        return {}
    if (encoding := content_encoding.strip()).lower() not in {"", "identity"}:
        raise UnsupportedMediaType(
            f"The request body must not be encoded: Content-Encoding {encoding[:SHOWN_NAME]} is not supported."
        )
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != JSON and not (forms and media_type == FORM):
        raise UnsupportedMediaType if forms else JsonOnly
    raw = raw.removeprefix(BOM_UTF8)
    if not raw:
        return {}
    return _read_json(raw) if media_type == JSON else _read_form(raw, rules, faults)


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        members = _decode(raw)
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    except (msgspec.MsgspecError, ValueError):
        raise BadRequest("The request body is not valid JSON in UTF-8.") from None
    if type(members) is not dict:
        raise BadRequest("The request body must be a JSON object.")
    if len(members) > MAX_FIELDS:
        raise BadRequest(TOO_MANY_FIELDS)
    return members


def _read_form(raw: bytes, rules: Mapping[str, Rule], faults: Faults) -> dict[str, Any]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise BadRequest("The request body is not a form in UTF-8.") from None
    except ValueError:
        raise BadRequest(TOO_MANY_FIELDS) from None
    arrays: dict[str, _Array] = {}
    for key, value in pairs:
        if (match := _ITEM.fullmatch(key)) is None:
            arrays.setdefault(key, _Array()).add("plain", value)
        elif match["index"] is None:
            arrays.setdefault(match["name"], _Array()).add("brackets", value)
        else:
            arrays.setdefault(match["name"], _Array()).add("indexes", value, int(match["index"]))
    members: dict[str, Any] = {}
    for name, array in arrays.items():
        if (rule := rules.get(name)) is not None and rule.many:
            if array.fault:
                add_fault(faults, name, array.fault)
            given = array.values()
            members[name] = [] if given == [""] else given
        else:
            members[name] = array.lone()
    return members


class _Array:
    """The values that a form has under one name, in any notation of arrays."""

    def __init__(self) -> None:
        self._ways: set[str] = set()
        self._values: list[tuple[int, str]] = []
        self._indexes: set[int] = set()
        self.fault: str | None = None

    def add(self, way: str, value: str, index: int | None = None) -> None:
        """Add a value; one without an index is appended."""
        self._ways.add(way)
        if len(self._ways) > 1:
            self.fault = "The {} field must not be written in more than one way."
        elif index in self._indexes:
            self.fault = "The {} field must not have an index more than once."
        if index is not None:
            self._indexes.add(index)
        self._values.append((len(self._values) if index is None else index, value))

    def values(self) -> list[str]:
        """Return the items in the order of their indexes."""
        return [value for _, value in sorted(self._values, key=itemgetter(0))]

    def lone(self) -> str | list[str]:
        """Return the value of a field that is not an array; several values stay a list, which its rule refuses."""
        return self._values[0][1] if self._ways == {"plain"} and len(self._values) == 1 else self.values()


def read_query(raw: bytes, faults: Faults) -> dict[str, Any]:
    """Return the parameters of a query; add faults for repeated parameters and for values that are not UTF-8.

    Raises BadRequest if there are more than MAX_FIELDS.
    """
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="surrogateescape",
            max_num_fields=MAX_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise BadRequest(f"The query must not have more than {MAX_FIELDS} parameters.") from None
    parameters: dict[str, Any] = {}
    for key, value in pairs:
        name = key if key.isascii() else key.encode(errors="replace").decode()
        if name in parameters:
            add_fault(faults, name, "The {} field must not be given more than once.")
        parameters[name] = value
        try:
            value.encode()
        except UnicodeEncodeError:
            add_fault(faults, name, NOT_ALLOWED)
            parameters[name] = None
    return parameters
