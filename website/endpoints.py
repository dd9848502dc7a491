"""Prints docs/endpoints.md: the API, from docs/openapi.json (`make reference`)."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"

_METHODS = ("get", "post", "put", "patch", "delete")
_INTRODUCTION = """# Endpoints

All that callers may rely on, from the [OpenAPI document](openapi.json) (3.1); `make reference` writes this page.
A running service has the same at `/docs`, with examples to read and requests to try.

Send the API key as `Authorization: Bearer KEY`. Bodies are JSON or forms. A success is
`{"data": ..., "message": "..."}`, an error `{"message": "..."}`, with `errors` by field if it is a 422. Each response
has an `X-Request-ID`.
"""

Json = Mapping[str, Any]


def reference(document: Json) -> str:
    """Return the page."""
    sections = [_INTRODUCTION, _headers(document)]
    for tag in document["tags"]:
        found = [operation for operation in _operations(document) if tag["name"] in operation[2]["tags"]]
        sections.append(f"## {tag['name']}\n\n{_text(tag.get('description', ''))}\n")
        rows = [f"| `{method} {path}` | [{spec['summary']}](#{_anchor(spec)}) |" for method, path, spec in found]
        sections.append("\n".join(["| Endpoint | |", "|---|---|", *rows]) + "\n")
        sections += [_operation(document, *operation) for operation in found]
    return "\n".join(section for section in sections if section.strip())


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _common(document: Json) -> dict[str, str]:
    """Return the headers of requests, each with what it usually means."""
    found: dict[str, str] = {}
    for _, _, spec in _operations(document):
        for parameter in _parameters(document, spec):
            if parameter["in"] == "header":
                found.setdefault(parameter["name"], parameter["description"])
    return found


def _headers(document: Json) -> str:
    rows = [f"| `{name}` | {_cell(meaning)} |" for name, meaning in _common(document).items()]
    return "\n".join(["## Headers of requests", "", "| Header | Meaning |", "|---|---|", *rows]) + "\n"


def _parameters(document: Json, spec: Json) -> list[Json]:
    return [_resolved(document, parameter) for parameter in spec.get("parameters", [])]


def _operation(document: Json, method: str, path: str, spec: Json) -> str:
    statuses = ", ".join(status for status in spec["responses"])
    parts = [f"### {spec['summary']}", f"`{method} {path}`", _text(spec.get("description", ""))]
    given = _parameters(document, spec)
    usual = [each["name"] for each in given if _common(document).get(each["name"]) == each["description"]]
    if rest := [each for each in given if each["name"] not in usual]:
        rows = [_row(each["name"], each["in"], each["schema"], each, document) for each in rest]
        parts.append("\n".join(["| Parameter | In | Type | Meaning |", "|---|---|---|---|", *rows]))
    if fields := _fields(document, spec):
        parts.append("\n".join(["| Field of the body | | Type | Meaning |", "|---|---|---|---|", *fields]))
    headers = "".join(f" [`{name}`](#headers-of-requests)" for name in usual)
    parts.append(f"Statuses: {statuses}." + (f" Headers:{headers}." if headers else ""))
    return "\n\n".join(part for part in parts if part) + "\n"


def _fields(document: Json, spec: Json) -> list[str]:
    if "requestBody" not in spec:
        return []
    schema = _resolved(document, spec["requestBody"]["content"]["application/json"]["schema"])
    required = schema.get("required", [])
    return [
        _row(name, "required" if name in required else "", field, field, document)
        for name, field in schema.get("properties", {}).items()
    ]


def _row(name: str, second: str, schema: Json, described: Json, document: Json) -> str:
    meaning = described.get("description") or _resolved(document, schema).get("description", "")
    if "default" in schema and schema["default"] is not None:
        meaning = f"{meaning} Default: `{json.dumps(schema['default'])}`.".strip()
    return f"| `{name}` | {second} | {_type(schema, document)} | {_cell(meaning)} |"


def _type(schema: Json, document: Json) -> str:
    """Return what a value may be, in few words."""
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " \\| ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if found := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(each, document) for each in found))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(_type({**schema, "type": each}, document) for each in kind)
    if kind == "array":
        return f"array of {_type(schema.get('items', {}), document)}"
    if schema.get("format"):
        return f"{kind} ({schema['format']})"
    return (
        f"{kind}, at most {schema['maxLength']} characters" if kind == "string" and "maxLength" in schema else str(kind)
    )


def _resolved(document: Json, node: Json) -> Json:
    """Follow a reference."""
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _anchor(spec: Json) -> str:
    return re.sub(r"[^\w\- ]", "", str(spec["summary"]).lower()).replace(" ", "-")


def _text(text: str) -> str:
    """Return a description as paragraphs of a page; it names no tags of HTML."""
    return text.replace("<", "&lt;").strip()


def _cell(text: str) -> str:
    return " ".join(_text(text).split()).replace("|", "\\|")


if __name__ == "__main__":
    print(reference(json.loads(DOCUMENT.read_text())), end="")  # noqa: T201 - that is what it is for
