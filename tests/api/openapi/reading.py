"""Reads the OpenAPI document: its operations, and what its schemas say about a value."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from tests.api.endpoints import ENDPOINTS
from tests.client import Json

JSON = "application/json"


class Operation(NamedTuple):
    method: str
    path: str
    spec: Json

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def operations(document: Json) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, spec in item.items():
            yield Operation(method.upper(), path, spec)


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def of_table(document: Json) -> dict[str, Operation]:
    """Return the operations by the names of the contract's endpoints."""
    names = {f"{endpoint.method} {shape(endpoint.path)}": endpoint.name for endpoint in ENDPOINTS}
    return {
        names[f"{operation.method} {shape(operation.path)}"]: operation
        for operation in operations(document)
        if operation.path.startswith("/api/")
    }


def faults(document: Json, schema: Json, value: object) -> list[str]:
    """Return what a schema of the document says against a value."""
    whole = schema | {"components": document["components"]}
    validator = OAS31Validator(whole, format_checker=oas31_format_checker)
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(value)]


def examples_of(media: Json) -> list[Any]:
    """Return the examples of a body."""
    return [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]


def answered(operation: Operation, answer: httpx.Response) -> Json:
    """Return the schema of an answer's status."""
    found: Json = operation.spec["responses"][str(answer.status_code)]["content"][JSON]["schema"]
    return found
