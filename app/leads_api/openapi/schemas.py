"""The JSON Schemas of queries, request bodies and responses, with names that generated code can use."""

import json
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from leads_api.http.endpoint import asked_for
from leads_api.http.envelope import Answer, CursorPage, ErrorBody, InvalidBody, Page, Tagged
from leads_api.openapi.fields import DESCRIPTIONS, NAMES
from leads_api.validation.inputs import Changes

Schema = dict[str, Any]

_PREFIX = "#/components/schemas/"
_SUFFIXES = {Answer: "Response", Page: "List", CursorPage: "CursorList"}
_CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f"
_TEXT = f"^[^{_CONTROLS}]*$"
_FILLED = rf"^[^{_CONTROLS}]*[^{_CONTROLS}\s][^{_CONTROLS}]*$"


class Payload(NamedTuple):
    """A request body: its struct, and whether a request sends only some of its fields (PATCH)."""

    struct: Any
    partial: bool

    @property
    def name(self) -> str:
        """Return the name of its component. A PATCH has one of its own."""
        name = _name(self.struct)
        return f"{name.removesuffix('Input').removesuffix('Changes')}Changes" if self.partial else name


def payload_of(handler: HTTPRouteHandler) -> Payload | None:
    """Return the request body of a handler; None if it takes none."""
    kind = asked_for(handler).body
    partial = get_origin(kind) is Changes
    return None if kind is None else Payload(kind.__args__[0] if partial else kind, partial)


def answers_of(handler: HTTPRouteHandler) -> tuple[Any, ...]:
    """Return the structs that a handler's response may have, usually one."""
    answer = handler.parsed_fn_signature.return_type
    wrapped = answer.is_subclass_of((Response, Tagged))
    kind = get_args(answer.annotation)[0] if wrapped else answer.annotation
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


class Schemas:
    """The schemas of all handlers; `components` are those of request bodies and responses."""

    def __init__(self, handlers: Iterable[HTTPRouteHandler]) -> None:
        queries: list[Any] = []
        payloads: list[Payload] = []
        answers: list[Any] = [ErrorBody, InvalidBody]
        for handler in handlers:
            if (query := asked_for(handler).query) is not None:
                queries.append(query)
            if (payload := payload_of(handler)) is not None:
                payloads.append(payload)
            answers += answers_of(handler)
            answers += [declared.data_container for declared in (handler.responses or {}).values()]
        self._names, answered = _read(answers)
        self.components = {name: _answer(name, schema) for name, schema in answered.items()}
        names, structs = _read(payload.struct for payload in payloads)
        for payload in payloads:
            struct = structs[names[payload.struct]]
            self.components[payload.name] = (_changes if payload.partial else _body)(payload.name, struct)
        names, asked = _read(queries)
        self._queries = {kind: _request(name, asked[name]) for kind, name in names.items()}

    def of(self, kinds: Iterable[Any]) -> Schema:
        """Return the schema of a response that has one of these types."""
        schemas = [reference(self._names[kind]) for kind in kinds]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def query(self, kind: Any) -> Schema:
        """Return the schema of a query struct."""
        return self._queries[kind]


def reference(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": f"{_PREFIX}{name}"}


def _read(kinds: Iterable[Any]) -> tuple[dict[Any, str], dict[str, Schema]]:
    """Return the names of types, and the components of all that they consist of."""
    types = list(dict.fromkeys(kinds))
    references, components = msgspec.json.schema_components(types, ref_template="{name}")
    names = {kind: _name(kind) for kind in types}
    published = {name: NAMES.get(name, name) for name in components}
    published |= {found["$ref"]: names[kind] for kind, found in zip(types, references, strict=True)}
    for component in components.values():
        del component["title"]  # the name of the struct
    return names, {published[name]: _published(schema, published) for name, schema in components.items()}


def _name(kind: Any) -> str:
    suffix = _SUFFIXES.get(get_origin(kind), "")
    name: str = (get_args(kind)[0] if suffix else kind).__name__
    return NAMES.get(name, name) + suffix


def _published(node: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a schema with the components' names in its references, and a type for each enumeration."""
    if isinstance(node, list):
        return [_published(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _published(value, names) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        node |= reference(names[node["$ref"]])
    if isinstance(node.get("enum"), list):
        node |= {"type": "string"}  # generators do not infer it
    return node


def _answer(name: str, struct: Schema) -> Schema:
    """Return the schema of a response. A field with a default is always there, too."""
    required = [field for field, schema in struct["properties"].items() if "default" in schema]
    fields = {field: _field(f"{name}.{field}", schema) for field, schema in struct["properties"].items()}
    for schema in fields.values():
        schema.pop("default", None)
    return struct | {"properties": fields, "required": struct["required"] + required}


def _body(name: str, struct: Schema) -> Schema:
    """Return the schema of a POST or PUT body.

    Its defaults are told in words: generators make a field with a `default` one that must be sent.
    """
    schema = _request(name, struct)
    for field in schema["properties"].values():
        if (default := field.pop("default", None)) not in (None, []):
            text = default if isinstance(default, str) else json.dumps(default)
            field["description"] += f" Default: `{text}`."
    return schema


def _changes(name: str, struct: Schema) -> Schema:
    """Return the schema of a PATCH body. A field that is not sent keeps its value, so there are no defaults."""
    schema = _request(name, struct)
    for field in schema["properties"].values():
        field.pop("default", None)
    del schema["required"]
    return schema | {
        "description": "The fields to change, at least one. A field that is not sent keeps its value.",
        "minProperties": 1,
    }


def _request(name: str, struct: Schema) -> Schema:
    """Return the schema of a query or body, with constraints that types cannot express.

    These are: no unknown fields, no control characters, no blank items and no blank values of required fields.
    """
    required = struct.get("required", [])
    fields = {field: _field(f"{name}.{field}", schema) for field, schema in struct["properties"].items()}
    # A dynamic field stands for fields that are known at the time of the request only; it is not a field itself.
    dynamic = next((field for field, schema in fields.items() if schema.get("type") == "object"), None)
    others = False if dynamic is None else {"description": fields.pop(dynamic)["description"]}
    for field, schema in fields.items():
        for variant in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
            if variant.get("type") == "string" and not {"enum", "pattern", "format"} & variant.keys():
                is_filled = field in required or variant is schema.get("items")  # a blank item is refused in any array
                variant["pattern"] = _FILLED if is_filled else _TEXT
    return struct | {"properties": fields, "required": required, "additionalProperties": others}


def _field(name: str, schema: Schema) -> Schema:
    """Return the schema of a field, with its alternatives on one level and its description beside them."""
    alternatives = [_sent(variant) for variant in schema.get("anyOf", [schema])]
    described = [variant.pop("description") for variant in alternatives if "description" in variant]
    flat = [inner for variant in alternatives for inner in variant.get("anyOf", [variant])]
    rest = {key: value for key, value in schema.items() if key in {"default", "description", "examples"}}
    rest["description"] = (
        schema.get("description")
        or next(iter(described), None)
        or DESCRIPTIONS.get(name)
        or DESCRIPTIONS.get(name.rpartition(".")[2], "")
    )
    return (flat[0] if len(flat) == 1 else {"anyOf": flat}) | rest


def _sent(variant: Schema) -> Schema:
    """Return the schema of what is sent, where a field's type is that of what is stored."""
    sent: Schema = variant.get("sent", variant)
    return {key: variant[key] for key in ("description",) if key in variant} | sent
