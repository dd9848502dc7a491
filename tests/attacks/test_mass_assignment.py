"""What only the service sets cannot be set by a caller, on any endpoint, in any notation (contract, section 1)."""

from collections.abc import Iterator
from typing import Any

from leads_api.mongo.client import Database
from tests.api.endpoints import ENDPOINTS, FORM, WITH_FORM, Endpoint, as_form, make_records
from tests.api.openapi.reading import JSON, Operation, of_table
from tests.client import Api, Json, errors

WRITES = {"POST", "PUT", "PATCH"}
_AT_ONCE = 50
_RETYPED = ({"is_converted": True}, [1], "1", 1, True, "2026-06-18T09:30:00.000000Z")


def resolved(document: Json, schema: Json) -> Json:
    """Return a schema, or what it refers to."""
    target: Json = document
    if "$ref" not in schema:
        return schema
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return target


def names_in(document: Json, schema: Json, seen: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the names of all fields in a schema, at any depth."""
    found = resolved(document, schema)
    if id(found) in seen:
        return
    for name, value in found.get("properties", {}).items():
        yield name
        yield from names_in(document, value, (*seen, id(found)))
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            yield from names_in(document, found[key], (*seen, id(found)))
    for key in ("anyOf", "oneOf", "allOf"):
        for one in found.get(key, []):
            yield from names_in(document, one, (*seen, id(found)))


def shown_names(document: Json) -> set[str]:
    """Return the names of all fields that any answer shows."""
    return {
        name
        for path in document["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for content in resolved(document, answer).get("content", {}).values()
        for name in names_in(document, content["schema"])
    }


def keys_of(value: Any) -> Iterator[str]:
    """Yield all keys in a document of the database, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


async def stored_names(database: Database) -> set[str]:
    """Return the names of all fields that any document has."""
    names: set[str] = set()
    for collection in await database.list_collection_names():
        if not collection.startswith("system."):
            async for document in database[collection].find():
                names.update(keys_of(document))
    return names


def accepted_names(document: Json, operation: Operation) -> set[str]:
    schema = operation.spec["requestBody"]["content"][JSON]["schema"]
    return set(resolved(document, schema).get("properties", {}))


async def document_of(api: Api) -> Json:
    found: Json = (await api.http.get("/openapi.json")).json()
    return found


async def test_every_write_of_the_document_is_attacked(api: Api) -> None:
    documented = {name for name in of_table(await document_of(api)) if name.split()[0] in WRITES}

    assert documented == {endpoint.name for endpoint in ENDPOINTS if endpoint.method in WRITES}


async def test_no_field_that_the_service_sets_can_be_sent_to_any_endpoint(api: Api, database: Database) -> None:
    ids = await make_records(api)
    document = await document_of(api)
    table = of_table(document)
    known = shown_names(document) | await stored_names(database)
    assert known >= {
        "id",
        "version",
        "converted",
        "dates",
        "active_state",
        "comments_count",
        "folded",
        "search",
        "held",
    }

    for endpoint in ENDPOINTS:
        if endpoint.body is None or endpoint.method not in WRITES:
            continue
        # A custom field is a field of leads.
        forbidden = sorted(known - accepted_names(document, table[endpoint.name]) - {"colour"})
        for start in range(0, len(forbidden), _AT_ONCE):
            names = forbidden[start : start + _AT_ONCE]
            retyped = {name: _RETYPED[place % len(_RETYPED)] for place, name in enumerate(names)}
            await refused(api, endpoint, ids, retyped)


async def refused(api: Api, endpoint: Endpoint, ids: dict[str, int], more: Json) -> None:
    """Assert that an endpoint knows none of these fields, in a body, a form or the query."""
    path, body = endpoint.at(ids), endpoint.sent(ids) or {}
    plain = dict.fromkeys(more, "1")
    answers = [
        await api.call(endpoint.method, path, body | more),
        await api.call(endpoint.method, path, body, params=plain),
    ]
    if endpoint in WITH_FORM:
        form = as_form(body) + b"&" + as_form(plain)
        answers.append(await api.call(endpoint.method, path, content=form, headers={"Content-Type": FORM}))
    for answer in answers:
        texts = errors(answer)
        assert set(texts) == {name[:100] for name in more}, endpoint.name
        assert all(text == [f"The {name.replace('_', ' ')} field is not recognised."] for name, text in texts.items())


async def test_no_inner_field_can_be_named_by_a_path_in_a_name(api: Api) -> None:
    lead = await api.lead()
    names = ["dates.updated", "dates[updated]", "converted.is_converted", "status.id", "$set", "dates.created[]", "_id"]

    for method, path in (("PATCH", f"/api/leads/{lead['id']}"), ("POST", "/api/leads")):
        body = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
        answer = await api.call(method, path, body | dict.fromkeys(names, "1"))
        assert set(errors(answer)) == set(names)
    assert await api.shown(lead["id"]) == lead


async def test_archive_and_activate_read_no_body(api: Api) -> None:
    before = await api.lead()
    body = {"version": 99, "title": "Other", "converted": {"is_converted": True}, "active_state": "x", "id": 1}

    for verb, state in (("archive", "archived"), ("activate", "active")):
        lead = (await api.put(f"/api/leads/{before['id']}/{verb}", body)).json()["data"]
        changed = {"active_state": state, "version": lead["version"], "dates": lead["dates"]}
        assert lead == before | changed
        assert lead["version"] < 99
        assert lead["dates"]["created"] == before["dates"]["created"]
