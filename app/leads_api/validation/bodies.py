"""Bodies and queries as plain values: one way for JSON and forms (contract, section 1, "Request bodies")."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from leads_api.errors import BadRequest, Faults, UnsupportedMediaType
from leads_api.validation.rules import Rule
from leads_api.validation.values import NOT_ALLOWED, add_fault

MAX_FIELDS = 1000
"""Members of a body or parameters of a query; a lead with every custom field has fewer."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond all bounds; the rule of its field says so
        return Decimal("NaN")


_decode = msgspec.json.Decoder(float_hook=_number).decode


def read_body(raw: bytes, content_type: str, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the members of a body. Raises BadRequest or UnsupportedMediaType.

    The rules tell which fields are arrays, which a form cannot.
    """
    if not raw:
        return {}
    match content_type.partition(";")[0].strip().lower():
        case "application/json":
            return _read_json(raw)
        case "application/x-www-form-urlencoded":
            return _read_form(raw, rules)
        case _:
            raise UnsupportedMediaType


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
        raise BadRequest(f"The request body must not have more than {MAX_FIELDS} fields.")
    return members


def _read_form(raw: bytes, rules: Mapping[str, Rule]) -> dict[str, Any]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise BadRequest("The request body is not a form in UTF-8.") from None
    except ValueError:
        raise BadRequest(f"The request body must not have more than {MAX_FIELDS} fields.") from None
    values: dict[str, list[str]] = {}
    bracketed = set()
    for key, value in pairs:
        name = key.removesuffix("[]")
        values.setdefault(name, []).append(value)
        if name != key:
            bracketed.add(name)
    members: dict[str, Any] = {}
    for name, given in values.items():
        if (rule := rules.get(name)) is not None and rule.many:
            members[name] = [] if given == [""] else given
        else:
            # Several values for a field that takes one stay a list, which its rule then refuses.
            members[name] = given[0] if len(given) == 1 and name not in bracketed else given
    return members


def read_query(raw: bytes, faults: Faults) -> dict[str, Any]:
    """Return the parameters of a query; one that is given twice, or is no UTF-8, is a fault."""
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
