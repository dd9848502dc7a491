"""Generates the OpenAPI 3.1 document from the routes: every path, with every error status in the envelope."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response
from litestar.routes import BaseRoute, HTTPRoute

from leads_api.errors import (
    BadRequest,
    Conflict,
    Failure,
    Invalid,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from leads_api.http.endpoint import asked_for
from leads_api.http.envelope import PHRASES, ErrorBody, InvalidBody, body_of
from leads_api.validation.bodies import JSON
from leads_api.validation.inputs import Changes
from leads_api.validation.values import BOOLEANS, INT64_MAX

_EVERYWHERE = (401, 404, 405, 422, 429, 500, 503)
_WITH_BODY = (400, 408, 413, 415)
_TEMPLATE = "#/components/schemas/{name}"
_CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f"
_TEXT = f"^[^{_CONTROLS}]*$"
_FILLED = rf"^[^{_CONTROLS}]*[^{_CONTROLS}\s][^{_CONTROLS}]*$"

_EXAMPLES: dict[int, Failure] = {
    400: BadRequest("The request body is not valid JSON in UTF-8."),
    401: Unauthorized(),
    404: NotFound(),
    405: MethodNotAllowed("GET, HEAD, OPTIONS"),
    408: RequestTimeout(),
    409: Conflict("The record is in use."),
    413: PayloadTooLarge(1_048_576),
    415: UnsupportedMediaType(),
    422: Invalid({"lead_title": ["The lead title field is required."]}),
    429: TooManyRequests(),
    500: Failure(),
    503: Unavailable(),
}


def document(
    routes: Iterable[BaseRoute],
    *,
    title: str,
    version: str,
    description: str,
    tags: Mapping[str, str],
    examples: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the document. `tags` are the groups in order; `examples` are bodies, by the name of their struct."""
    handlers = [
        (route, handler)
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"} and handler.resolve_include_in_schema()
    ]
    schemas = _Schemas(handler for _, handler in handlers)
    paths: dict[str, dict[str, Any]] = {}
    for route, handler in sorted(handlers, key=lambda pair: (pair[0].path_format, min(pair[1].http_methods))):
        operation = _operation(route, handler, schemas, examples)
        paths.setdefault(route.path_format, {})[min(handler.http_methods).lower()] = operation
    _link(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "schemas": schemas.components,
        },
    }


class _Schemas:
    """The JSON Schemas of all request and response structs."""

    def __init__(self, handlers: Iterable[HTTPRouteHandler]) -> None:
        taken: list[Any] = []
        given: list[Any] = [ErrorBody, InvalidBody]
        for handler in handlers:
            query, payload, _ = asked_for(handler)
            taken += [kind for kind in (query, _struct(payload)) if kind is not None]
            given += _variants(_given(handler))
        types = list(dict.fromkeys(taken + given))
        found, self.components = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
        self._schemas = dict(zip(types, found, strict=True))
        for kind in dict.fromkeys(taken):
            self._tighten(self.whole(kind))

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type, usually a reference."""
        schemas = [self._schemas[variant] for variant in _variants(kind)]
        return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}

    def whole(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a struct, without a reference."""
        reference: str = self._schemas[kind]["$ref"]
        component: dict[str, Any] = self.components[reference.rpartition("/")[2]]
        return component

    def _tighten(self, struct: dict[str, Any]) -> None:
        """Add constraints on requests that types cannot express.

        These are: no unknown fields, no control characters, no blank values of required fields.
        """
        properties = struct["properties"]
        # A dynamic field stands for fields that are known at the time of the request only; it is not a field itself.
        dynamic = [name for name, schema in properties.items() if schema.get("type") == "object"]
        if dynamic:
            struct["additionalProperties"] = {"description": properties.pop(dynamic[0])["description"]}
        else:
            struct["additionalProperties"] = False
        for name, schema in properties.items():
            for variant in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
                if (sent := variant.pop("sent", None)) is not None:
                    kept = {key: variant[key] for key in ("description", "default") if key in variant}
                    variant.clear()
                    variant.update(sent | kept)
                if variant.get("type") == "string" and not {"enum", "pattern", "format"} & variant.keys():
                    variant["pattern"] = _FILLED if name in struct.get("required", []) else _TEXT


def _struct(payload: Any) -> Any:
    return payload.__args__[0] if getattr(payload, "__origin__", None) is Changes else payload


def _given(handler: HTTPRouteHandler) -> Any:
    answer = handler.parsed_fn_signature.return_type
    if answer.is_subclass_of(Response):
        return answer.inner_types[0].annotation if answer.inner_types else None
    return answer.annotation


def _variants(kind: Any) -> tuple[Any, ...]:
    """Return the structs that a response may have, usually one."""
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def _operation(
    route: HTTPRoute, handler: HTTPRouteHandler, schemas: _Schemas, examples: Mapping[str, Any]
) -> dict[str, Any]:
    query, payload, _ = asked_for(handler)
    secured = route.path_format.startswith("/api/")
    statuses = set(handler.responses or {})
    if secured:
        statuses |= {401, 422, 429, 500, 503} | (set(_WITH_BODY) if payload else set())
        if min(handler.http_methods) != "GET":
            statuses |= {408, 413}
    operation: dict[str, Any] = {
        "operationId": _operation_id(route, handler),
        "summary": handler.summary,
        "tags": sorted(handler.resolve_tags()),
        "parameters": _path_parameters(route) + (_query_parameters(schemas.whole(query)) if query else []),
        "responses": {str(handler.status_code): _success(handler, schemas, examples)}
        | {str(status): _failure(status, handler) for status in sorted(statuses)},
    }
    if handler.description:
        operation["description"] = handler.description
    if payload:
        operation["requestBody"] = _body(payload, schemas, examples)
    if not secured:
        operation["security"] = []
    return operation


def _operation_id(route: HTTPRoute, handler: HTTPRouteHandler) -> str:
    words = re.findall(r"[a-z]+", handler.summary.lower() if handler.summary else handler.handler_name)
    return "_".join(word for word in words if word not in {"a", "an", "the", "s", "of", "on"})


def _path_parameters(route: HTTPRoute) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
        }
        for name in re.findall(r"\{(\w+)\}", route.path_format)
    ]


def _query_parameters(struct: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = []
    for name, schema in _query_schema(struct)["properties"].items():
        inner = dict(schema)
        description = inner.pop("description", None)
        if (default := struct["properties"][name].get("default")) is not None:
            inner["default"] = default
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in struct.get("required", [])}
        if name not in struct.get("required", []):
            parameter["allowEmptyValue"] = True
        parameters.append(parameter | ({"description": description} if description else {}) | {"schema": inner})
    return parameters


def _body(payload: Any, schemas: _Schemas, examples: Mapping[str, Any]) -> dict[str, Any]:
    struct = _struct(payload)
    whole = schemas.whole(struct)
    partial = struct is not payload
    schema = schemas.of(struct)
    if partial:
        schema = {key: value for key, value in whole.items() if key not in {"required", "title"}} | {"minProperties": 1}
    example = examples.get(struct.__name__)
    shown = {} if example is None else {"example": example}
    # The description mentions forms. A second media type would make generated clients fail or send no Content-Type.
    return {
        "required": partial or bool(whole.get("required")),
        "content": {JSON: {"schema": schema} | shown},
    }


def _query_schema(struct: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query, which has strings only; a blank string stands for null."""
    properties = {}
    for name, schema in struct["properties"].items():
        variants = [variant for variant in schema.get("anyOf", []) if variant != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
        properties[name] = variants[0] | rest if len(variants) == 1 else dict(schema)
        if properties[name].get("type") == "boolean":
            properties[name] |= {"type": "string", "enum": list(BOOLEANS)}
    return {key: value for key, value in struct.items() if key != "title"} | {"properties": properties}


def _success(handler: HTTPRouteHandler, schemas: _Schemas, examples: Mapping[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": PHRASES[handler.status_code], "headers": _REQUEST_ID}
    given = _given(handler)
    content: dict[str, Any] = {"schema": schemas.of(given)}
    if (example := examples.get(getattr(given, "__name__", ""))) is not None:
        content["example"] = example
    response["content"] = {JSON: content}
    if handler.status_code == HTTPStatus.CREATED:
        location = {"schema": {"type": "string"}, "description": "Path of the new record."}
        response["headers"] = {**_REQUEST_ID, "Location": location}
    return response


def _link(paths: dict[str, dict[str, Any]]) -> None:
    """Add links from each 201 response to the operations on the new record's id."""
    for path, operations in paths.items():
        success = operations.get("post", {}).get("responses", {}).get("201")
        if success is None:
            continue
        links = {}
        for target, others in paths.items():
            rest = target.removeprefix(f"{_home(path)}/")
            if rest == target or not (match := re.match(r"\{(\w+)\}", rest)):
                continue
            for operation in others.values():
                # Ids in the path of the POST are the same in the linked path.
                same = {name: f"$request.path.{name}" for name in re.findall(r"\{(\w+)\}", _home(path))}
                parameters = same | {match[1]: "$response.body#/data/id"}
                links[operation["operationId"]] = {"operationId": operation["operationId"], "parameters": parameters}
        success["links"] = links


def _home(path: str) -> str:
    """Return the path of the records that a POST to a path creates."""
    special = {"/api/leads/{lead_id}/convert": "/api/clients", "/api/leads/{lead_id}/clone": "/api/leads"}
    return special.get(path, path)


def _failure(status: int, handler: HTTPRouteHandler) -> dict[str, Any]:
    failure = _EXAMPLES[status]
    declared = (handler.responses or {}).get(status)
    example: Any = declared.examples[0].value if declared and declared.examples else body_of(failure)
    schema: dict[str, Any] = {"$ref": _TEMPLATE.format(name="InvalidBody" if "errors" in example else "ErrorBody")}
    if more := {name: {"type": "integer"} for name in example if name not in {"message", "errors"}}:
        properties = {"message": {"type": "string"}, **more}
        schema = {"type": "object", "properties": properties, "required": list(properties)}
    headers = {name: {"schema": {"type": "string"}} for name in failure.headers}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = {"schema": {"type": "string"}}
    return {
        "description": PHRASES[status],
        "headers": {**_REQUEST_ID, **headers},
        "content": {JSON: {"schema": schema, "example": example}},
    }


_REQUEST_ID = {"X-Request-ID": {"schema": {"type": "string"}, "description": "The id from the request, or a new one."}}
