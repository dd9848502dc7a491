"""The parameters and request bodies of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from msgspec import Meta

from leads_api.http.idempotency import MAX_LENGTH
from leads_api.http.preconditions import IF_NONE_MATCH, LONGEST
from leads_api.openapi.examples import BODIES
from leads_api.openapi.fields import DESCRIPTIONS
from leads_api.openapi.schemas import Payload, Schema, reference
from leads_api.validation.bodies import JSON
from leads_api.validation.values import INT64_MAX

_ID: Schema = {"type": "integer", "minimum": 1, "maximum": INT64_MAX}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "A text of your choice that makes it safe to repeat the request, such as a UUID. A request with the same key,"
        " path, content type and body within 24 hours gets the first response again, with `Idempotency-Replayed: true`,"
        " and changes nothing. A response other than a success does not use the key up. Another request with a used key"
        " is a 422 on `idempotency_key`. Each API key has keys of its own."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[!-~]+$"},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
"""The parameter of every POST."""


def path_parameters(kinds: Mapping[str, Any]) -> list[Schema]:
    """Return the parameters of a path: ids, and texts with their types."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": DESCRIPTIONS[name],
            "schema": _ID if kind is int else _text(kind),
        }
        for name, kind in kinds.items()
    ]


def _text(kind: Any) -> Schema:
    schemas = [part.extra_json_schema for part in kind.__metadata__ if isinstance(part, Meta)]
    sent: Schema = next(schema["sent"] for schema in schemas if schema)
    return {"minLength": 1} | sent


def query_parameters(struct: Schema, defaults: Mapping[str, Any]) -> list[Schema]:
    """Return the parameters of a query; `defaults` replace those of its struct, by name.

    A query has strings only. A blank one stands for null.
    """
    parameters = []
    for name, schema in struct["properties"].items():
        inner = {key: value for key, value in schema.items() if key not in {"anyOf", "default", "description"}}
        some = [variant for variant in schema.get("anyOf", []) if variant != {"type": "null"}]
        inner |= some[0] if len(some) == 1 else {"anyOf": some} if some else {}
        if (default := schema.get("default")) is not None:
            inner["default"] = defaults.get(name, default)
        required = name in struct["required"]
        parameter = {"name": name, "in": "query", "required": required, "description": schema["description"]}
        parameters.append(parameter | ({} if required else {"allowEmptyValue": True}) | {"schema": inner})
    return parameters


def header_parameter(name: str) -> Schema:
    """Return the parameter for the header of a precondition."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": DESCRIPTIONS[name],
        "schema": {"type": "string", "maxLength": LONGEST},
        "example": '"v7.3"',
    }


ONLY_NEW: Schema = {
    "name": IF_NONE_MATCH,
    "in": "header",
    "required": False,
    "description": "`*`: only create the lead. If it is there already, the response is a 412.",
    "schema": {"type": "string", "enum": ["*"]},
    "example": "*",
}
"""The parameter of changes that may be told to change nothing that is there."""


def request_body(payload: Payload, component: Schema) -> Schema:
    """Return the request body of an operation.

    It is described as JSON only, and forms in words: a second media type would make generated clients fail, or send no
    Content-Type.
    """
    shown = {"example": BODIES[payload.name]} if payload.name in BODIES else {}
    return {
        "required": payload.partial or bool(component["required"]),
        "content": {JSON: {"schema": reference(payload.name)} | shown},
    }
