"""What generators of clients need of the OpenAPI document: no trap that some of them fall into."""

import re
from collections.abc import Iterator
from typing import Any

import httpx

from leads_api.settings import RateLimit
from tests.api.endpoints import ENDPOINTS, make_records
from tests.api.openapi.reading import JSON, of_table, operations
from tests.client import Json
from tests.conftest import Serve

_FORMATS = {"date", "date-time", "idn-email"}
"""Formats of JSON Schema that the document uses. Generators make types and checks of them: `email` is ASCII only."""
_SPECIAL = {
    "allow", "etag", "idempotency-replayed", "link", "location", "ratelimit", "ratelimit-policy", "retry-after",
    "www-authenticate", "x-request-id",
}  # fmt: skip


def schemas(node: Any) -> Iterator[Json]:
    """Yield every schema in a part of the document; not what is in examples."""
    if isinstance(node, list):
        for item in node:
            yield from schemas(item)
    elif isinstance(node, dict):
        if {"type", "anyOf", "enum", "$ref"} & node.keys() and "in" not in node:
            yield node
        for key, value in node.items():
            if key == "properties":
                yield from schemas(list(value.values()))
            elif key not in {"example", "examples", "default", "enum"}:
                yield from schemas(value)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)


def pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


async def test_no_patch_has_a_default_which_a_client_would_send(document: Json) -> None:
    found = [operation for operation in operations(document) if operation.method == "PATCH"]

    assert len(found) > 4
    for operation in found:
        reference = operation.spec["requestBody"]["content"][JSON]["schema"]["$ref"]
        component = document["components"]["schemas"][reference.rpartition("/")[2]]
        for schema in schemas(component):
            assert "default" not in schema, operation.name
            assert "Default:" not in schema.get("description", ""), operation.name
        assert "required" not in component, operation.name


async def test_a_patch_has_a_component_of_its_own(document: Json) -> None:
    def components(method: str) -> set[str]:
        found = [operation.spec for operation in operations(document) if operation.method == method]
        return {reference for spec in found for reference in references(spec.get("requestBody", {}))}

    assert not components("PATCH") & (components("POST") | components("PUT"))


async def test_only_query_parameters_have_a_default(document: Json) -> None:
    # A generator of TypeScript makes a field of a body with a default one that must be sent.
    assert [schema for schema in schemas(document["components"]) if "default" in schema] == []


async def test_the_defaults_of_parameters_are_those_that_the_service_applies(serve: Serve) -> None:
    async with serve(default_limit=1) as api:
        await make_records(api)
        document = (await api.http.get("/openapi.json")).json()
        told = 0
        for operation in operations(document):
            parameters = operation.spec.get("parameters", [])
            defaults = {each["name"]: each["schema"]["default"] for each in parameters if "default" in each["schema"]}
            required = {"resource_type": "lead", "resource_id": 1} if operation.path == "/api/checklists" else {}
            path = re.sub(r"\{\w+\}", "1", operation.path)
            answers = [await api.get(path, **required), await api.get(path, **required, **defaults)] if defaults else []
            assert len({answer.content for answer in answers}) <= 1, operation.name
            assert {answer.status_code for answer in answers} <= {200}, operation.name
            told += "limit" in defaults and answers[0].json()["meta"]["per_page"] == defaults["limit"] == 1
        assert told == 8


async def test_each_schema_has_one_type_and_what_belongs_to_it(document: Json) -> None:
    count = 0
    for schema in schemas(document):
        count += 1
        assert isinstance(schema.get("type", ""), str), schema
        assert schema.get("type") == "string" or not {"pattern", "maxLength", "format", "enum"} & schema.keys(), schema
        assert schema.get("format", "date") in _FORMATS, schema
        assert not {"oneOf", "allOf"} & schema.keys(), schema
    assert count > 500


async def test_bounds_of_a_time_are_a_date_or_a_timestamp(document: Json) -> None:
    parameters = of_table(document)["GET /api/leads"].spec["parameters"]
    (schema,) = [parameter["schema"] for parameter in parameters if parameter["name"] == "created_from"]

    assert schema == {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}


async def test_names_of_components_can_be_names_of_classes(document: Json) -> None:
    components = document["components"]["schemas"]

    assert all(re.fullmatch(r"([A-Z][a-z]+)+", name) for name in components)
    assert {"Lead", "LeadList", "LeadCursorList", "LeadResponse", "LeadInput", "LeadChanges", "Client"} <= set(
        components
    )
    # Generators name the class of a field's enumeration, or object, after component and field.
    inner = {
        pascal(f"{name}_{field}")
        for name, component in components.items()
        for field, schema in component["properties"].items()
        if "$ref" not in schema and (schema.get("type") == "object" or "enum" in schema)
    }
    assert not inner & set(components)


async def test_no_component_is_unused(document: Json) -> None:
    used = set(references(document))

    for kind in ("headers", "schemas"):
        assert {f"#/components/{kind}/{name}" for name in document["components"][kind]} <= used


async def test_every_field_and_parameter_is_described(document: Json) -> None:
    for name, component in document["components"]["schemas"].items():
        assert component["description"], name
        for field, schema in component["properties"].items():
            assert schema["description"].endswith("."), (name, field)
    for operation in operations(document):
        for parameter in operation.spec["parameters"]:
            assert parameter["description"].endswith("."), (operation.name, parameter["name"])
    assert all(header["description"] and "example" in header for header in document["components"]["headers"].values())


async def test_a_response_has_all_its_fields(document: Json) -> None:
    requests = {
        reference for operation in operations(document) for reference in references(operation.spec.get("requestBody"))
    }
    optional = {
        f"{name}.{field}"
        for name, component in document["components"]["schemas"].items()
        if f"#/components/schemas/{name}" not in requests
        for field in component["properties"]
        if field not in component["required"]
    }

    assert optional == {"LeadCommentList.meta"} | {
        f"WrittenLead.{name}" for name in ("id", "version", "errors", "lead_id")
    }


async def test_headers_are_described_where_they_occur(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(10_000, 3600), default_limit=1) as api:
        ids = await make_records(api)
        document = (await api.http.get("/openapi.json")).json()
        table = of_table(document)
        seen: set[str] = set()

        def check(name: str, answer: httpx.Response) -> None:
            described = {header.lower() for header in table[name].spec["responses"][str(answer.status_code)]["headers"]}
            sent = {header for header in answer.headers if header in _SPECIAL}
            # Links are on some pages only, and not every response is a replay.
            assert sent <= described <= sent | {"link", "idempotency-replayed"}, (name, answer.status_code)
            seen.update(sent)

        for endpoint in ENDPOINTS:
            path = f"{endpoint.at(ids)}?{endpoint.query}"
            check(endpoint.name, await api.http.request(endpoint.method, path))
            check(endpoint.name, await api.call(endpoint.method, f"{path}&foo=1", endpoint.sent(ids)))
            for _ in range(2 if endpoint.method == "POST" else 1):  # the second one is a replay
                headers = {"Idempotency-Key": endpoint.path}
                check(endpoint.name, await api.call(endpoint.method, path, endpoint.sent(ids), headers=headers))

    assert seen == _SPECIAL - {"allow", "retry-after"}


async def test_the_headers_of_a_429_are_described(serve: Serve) -> None:
    async with serve(rate_limit=RateLimit(1, 3600)) as api:
        document = (await api.http.get("/openapi.json")).json()
        answers = [await api.get("/api/leads") for _ in range(2)]

    described = of_table(document)["GET /api/leads"].spec["responses"]["429"]["headers"]
    assert answers[1].status_code == 429
    assert {header.lower() for header in described} == {header for header in answers[1].headers if header in _SPECIAL}
