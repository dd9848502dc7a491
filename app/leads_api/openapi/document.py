"""Generates the OpenAPI 3.1 document from the routes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from leads_api.http.endpoint import API, asked_for
from leads_api.openapi.requests import (
    IDEMPOTENCY_KEY,
    ONLY_NEW,
    header_parameter,
    path_parameters,
    query_parameters,
    request_body,
)
from leads_api.openapi.responses import HEADERS, responses_of
from leads_api.openapi.schemas import Schema, Schemas, payload_of
from leads_api.openapi.words import DESCRIPTION, TAGS, TITLE


def document(routes: Iterable[BaseRoute], *, version: str, defaults: Mapping[str, Any]) -> Schema:
    """Return the document. `defaults` replace the defaults of query parameters, by name."""
    handlers = [
        (route, handler)
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"} and handler.resolve_include_in_schema()
    ]
    schemas = Schemas(handler for _, handler in handlers)
    paths: dict[str, Schema] = {}
    for route, handler in sorted(handlers, key=lambda pair: (pair[0].path_format, min(pair[1].http_methods))):
        operation = _operation(route.path_format, handler, schemas, defaults)
        paths.setdefault(route.path_format, {})[min(handler.http_methods).lower()] = operation
    _link(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "headers": HEADERS,
            "schemas": schemas.components,
        },
    }


def _operation(path: str, handler: HTTPRouteHandler, schemas: Schemas, defaults: Mapping[str, Any]) -> Schema:
    asked, payload = asked_for(handler), payload_of(handler)
    secured = path.startswith(API)
    keyed = secured and handler.http_methods == {"POST"}
    identity = _operation_id(handler)
    operation: Schema = {
        "operationId": identity,
        "summary": handler.summary,
        "tags": sorted(handler.resolve_tags()),
        "parameters": [
            *path_parameters(asked.path),
            *(query_parameters(schemas.query(asked.query), defaults) if asked.query else ()),
            *([header_parameter(asked.precondition)] if asked.precondition else ()),
            *([ONLY_NEW] if asked.if_there else ()),
            *([IDEMPOTENCY_KEY] if keyed else ()),
        ],
        "responses": responses_of(handler, identity, schemas, secured=secured, keyed=keyed),
    }
    if handler.description:
        operation["description"] = handler.description
    if payload:
        operation["requestBody"] = request_body(payload, schemas.components[payload.name])
    if not secured:
        operation["security"] = []
    return operation


def _operation_id(handler: HTTPRouteHandler) -> str:
    words = re.findall(r"[a-z]+", handler.summary.lower() if handler.summary else handler.handler_name)
    return "_".join(word for word in words if word not in {"a", "an", "the", "s", "of", "on"})


def _link(paths: dict[str, Schema]) -> None:
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
