"""The OpenAPI document, held against the service itself (contract, section 5)."""

import re
from collections.abc import Iterator
from typing import Any

from litestar.routes import HTTPRoute
from mongomock_motor import AsyncMongoMockClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from leads_api.asgi import create_app
from leads_api.settings import Settings
from tests.api.endpoints import ENDPOINTS, FORM
from tests.api.openapi.reading import JSON, Operation, answered, examples_of, faults, of_table, operations, shape
from tests.client import KEY, Api, Json

REPLAYED = "Idempotency-Replayed"
RUNNING = "A request with this idempotency key is still in progress. Please try again."


async def test_the_document_is_valid_openapi_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1")

    validate(document, cls=OpenAPIV31SpecValidator)


async def test_it_describes_every_route_of_the_service_and_no_other(document: Json) -> None:
    app = create_app(Settings(api_key=KEY), mongo=AsyncMongoMockClient())
    served = {
        f"{method} {shape(route.path_format)}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS" and not re.match(r"/docs|/openapi", route.path_format)
    }

    described = {f"{operation.method} {shape(operation.path)}" for operation in operations(document)}

    assert described == served
    assert described >= {f"{endpoint.method} {shape(endpoint.path)}" for endpoint in ENDPOINTS}


async def test_operations_have_ids_of_their_own_summaries_and_tags(document: Json) -> None:
    found = list(operations(document))
    identities = [operation.spec["operationId"] for operation in found]

    assert len(set(identities)) == len(identities)
    assert all(re.fullmatch(r"[a-z_]+", identity) for identity in identities)
    assert all(operation.spec["summary"] and operation.spec["tags"] for operation in found)


async def test_the_parameters_of_a_path_are_those_in_it(document: Json) -> None:
    for operation in operations(document):
        described = [each["name"] for each in operation.spec.get("parameters", []) if each["in"] == "path"]
        assert described == re.findall(r"\{(\w+)\}", operation.path), operation.name


async def test_the_success_of_each_endpoint_is_described_by_its_status(document: Json) -> None:
    table = of_table(document)

    for endpoint in ENDPOINTS:
        statuses = [status for status in table[endpoint.name].spec["responses"] if status < "300"]
        creates = endpoint.method in {"PUT", "PATCH"} and "{external_id}" in endpoint.path
        assert statuses == [str(endpoint.status), *(["201"] if creates else [])], endpoint.name


async def test_every_endpoint_of_the_api_needs_a_key_and_the_others_none(document: Json) -> None:
    (scheme,) = document["security"]
    ((name, _),) = scheme.items()
    assert document["components"]["securitySchemes"][name]["scheme"] == "bearer"

    for operation in operations(document):
        open_to_all = operation.spec.get("security") == []
        assert open_to_all != operation.path.startswith("/api/"), operation.name


async def test_every_error_is_described_with_the_envelope_of_its_status(document: Json) -> None:
    for operation in operations(document):
        for status, response in operation.spec["responses"].items():
            if status >= "400":
                schema = response["content"][JSON]["schema"]
                more: Json = {"errors": {"a": ["b"]}} if status == "422" else {"client_id": 1}
                assert faults(document, schema, {"message": "x", **more}) == []
                for wrong in ({}, {"message": 1}, {"detail": "x"}, {"message": "x", "errors": {"a": "b"}}):
                    if status == "422" or "errors" not in wrong:
                        assert faults(document, schema, wrong), (operation.name, status)


async def test_every_endpoint_describes_the_errors_that_it_can_answer_with(document: Json) -> None:
    for operation in of_table(document).values():
        expected = {"401", "422", "429", "500", "503"}
        expected |= {"404"} if "{" in operation.path else set()
        expected |= {"403", "413"} if operation.method != "GET" else set()
        expected |= {"400", "415"} if "requestBody" in operation.spec else set()
        expected |= {"400"} if headers_of(operation) else set()
        expected |= {"412"} if "If-Match" in headers_of(operation) else set()
        expected |= {"304"} if headers_of(operation) == {"If-None-Match"} else set()
        assert operation.spec["responses"].keys() >= expected, operation.name


async def test_preconditions_are_described_where_they_apply(document: Json) -> None:
    table = of_table(document)
    conditional = {
        endpoint.name
        for endpoint in ENDPOINTS
        if endpoint.method != "GET" and endpoint.path.startswith(("/api/leads/{lead}", "/api/leads/by-external-id/"))
    }
    wholes = {"/api/leads/{lead}", "/api/leads/by-external-id/{external_id}"}
    only_new = {f"{method} {path}" for method in ("PUT", "PATCH") for path in wholes}

    for name, operation in table.items():
        expected = {"If-Match"} if name in conditional else set()
        expected |= {"If-None-Match"} if name in only_new | {f"GET {path}" for path in wholes} else set()
        assert headers_of(operation) - {"Idempotency-Key"} == expected, name
    assert len(conditional) == 15
    not_modified = table["GET /api/leads/{lead}"].spec["responses"]["304"]
    assert "content" not in not_modified
    assert {"ETag", "X-Request-ID"} <= set(not_modified["headers"])
    with_304 = [name for name, operation in table.items() if "304" in operation.spec["responses"]]
    assert set(with_304) == {f"GET {path}" for path in wholes}


def headers_of(operation: Operation) -> set[str]:
    """Return the request headers that an operation declares."""
    return {each["name"] for each in operation.spec["parameters"] if each["in"] == "header"}


async def test_bodies_are_described_as_json_and_forms_in_words(document: Json) -> None:
    table = of_table(document)

    for endpoint in ENDPOINTS:
        body = table[endpoint.name].spec.get("requestBody")
        assert (body is not None) == (endpoint.body is not None), endpoint.name
        if body:
            assert set(body["content"]) == {JSON}
    assert FORM in document["info"]["description"]


async def test_the_example_of_a_404_is_what_the_endpoint_says(document: Json, api: Api, ids: dict[str, int]) -> None:
    unknown = dict.fromkeys(ids, 987_654_321)
    for endpoint in ENDPOINTS:
        operation = of_table(document)[endpoint.name]
        creates = endpoint.method in {"PUT", "PATCH"} and "{external_id}" in endpoint.path
        if (described := operation.spec["responses"].get("404")) is None or creates:
            continue
        paths = [endpoint.at(unknown)]
        if endpoint.path.count("{") == 2:
            paths.append(endpoint.at({**unknown, "lead": ids["lead"], "item": ids["item"]}))  # only the inner one
        answers = [await api.call(endpoint.method, f"{path}?{endpoint.query}", endpoint.sent(ids)) for path in paths]
        assert {answer.status_code for answer in answers} == {404}, endpoint.name
        assert [answer.json() for answer in answers] == examples_of(described["content"][JSON]), endpoint.name


async def test_the_409_of_convert_is_described_with_the_client(document: Json, shared: Api) -> None:
    lead = await shared.lead()
    owner = {"first_name": "Jane", "last_name": "Doe", "email": "jane.409@acme.example"}
    await shared.post(f"/api/leads/{lead['id']}/convert", owner)
    operation = of_table(document)["POST /api/leads/{lead}/convert"]

    answer = await shared.post(f"/api/leads/{lead['id']}/convert", owner)

    media = operation.spec["responses"]["409"]["content"][JSON]
    converted, _ = media["schema"]["anyOf"]
    schema = document["components"]["schemas"][converted["$ref"].rpartition("/")[2]]
    assert schema["properties"]["client_id"]["type"] == "integer"
    assert "client_id" in schema["required"]
    assert faults(document, media["schema"], answer.json()) == []
    assert answer.json() | {"client_id": 12} in examples_of(media)


async def test_every_post_and_nothing_else_takes_an_idempotency_key(document: Json, shared: Api) -> None:
    for name, operation in of_table(document).items():
        keyed = name.startswith("POST ")
        assert ("Idempotency-Key" in headers_of(operation)) == keyed, name
        replays = [status for status, answer in operation.spec["responses"].items() if REPLAYED in answer["headers"]]
        assert replays == [next(iter(operation.spec["responses"]))] * keyed, name
        if keyed:
            answer = operation.spec["responses"]["409"]
            assert "Retry-After" in answer["headers"]
            assert RUNNING in [example["message"] for example in examples_of(answer["content"][JSON])]


async def test_every_example_is_valid_by_its_schema(document: Json) -> None:
    examples = list(_examples(document))

    assert len(examples) > 50
    for where, schema, example in examples:
        assert faults(document, schema, example) == [], where


def _examples(document: Json) -> Iterator[tuple[str, Json, Any]]:
    for operation in operations(document):
        contents = [response.get("content", {}) for response in operation.spec["responses"].values()]
        contents.append(operation.spec.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                for example in examples_of(media):
                    yield operation.name, media["schema"], example
    for name, component in document["components"]["schemas"].items():
        for key, schema in component.get("properties", {}).items():
            for example in schema.get("examples", []):
                yield f"{name}.{key}", schema, example


async def test_every_body_has_an_example(document: Json) -> None:
    for operation in operations(document):
        for media in operation.spec.get("requestBody", {}).get("content", {}).values():
            assert examples_of(media), operation.name


async def test_bodies_that_the_service_takes_are_valid_by_the_schema(
    api: Api, document: Json, ids: dict[str, int]
) -> None:
    table = of_table(document)

    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            schema = table[endpoint.name].spec["requestBody"]["content"][JSON]["schema"]
            assert faults(document, schema, endpoint.sent(ids)) == [], endpoint.name


async def test_answers_of_every_endpoint_are_valid_by_their_schemas(
    api: Api, document: Json, ids: dict[str, int]
) -> None:
    table = of_table(document)

    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))
        assert answer.status_code == endpoint.status
        assert faults(document, answered(table[endpoint.name], answer), answer.json()) == [], endpoint.name


async def test_errors_of_every_endpoint_are_valid_by_their_schemas(
    api: Api, document: Json, ids: dict[str, int]
) -> None:
    table = of_table(document)
    unknown = dict.fromkeys(ids, 987)

    for endpoint in ENDPOINTS:
        headers = {"Content-Type": "text/plain"}
        answers = [
            await api.http.request(endpoint.method, endpoint.at(ids)),
            await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}&foo=1", endpoint.sent(ids)),
            await api.call(endpoint.method, endpoint.at(unknown), endpoint.sent(ids)) if "{" in endpoint.path else None,
            await api.call(endpoint.method, endpoint.at(ids), content=b"x", headers=headers) if endpoint.body else None,
        ]
        found = [answer for answer in answers if answer is not None]
        assert [answer.status_code for answer in found][:2] == [401, 422]
        for answer in found:
            assert faults(document, answered(table[endpoint.name], answer), answer.json()) == [], endpoint.name


async def test_a_lead_with_all_that_it_can_have_is_valid_by_its_schema(api: Api, document: Json) -> None:
    await api.custom_field("places", "number")
    await api.custom_field("colour", "text")
    lead = await api.lead(
        lead_value="2.50", lead_email="jane@acme.example", lead_last_contacted="2026-06-15", places=3, colour="blue"
    )
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [1]})
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["a"]})
    await api.client(lead["id"])

    answer = await api.get(f"/api/leads/{lead['id']}")

    operation = of_table(document)["GET /api/leads/{lead}"]
    assert faults(document, answered(operation, answer), answer.json()) == []


async def test_a_lead_s_schema_requires_every_key(document: Json, shared: Api) -> None:
    lead = await shared.lead()
    schema = of_table(document)["GET /api/leads/{lead}"].spec["responses"]["200"]["content"][JSON]["schema"]

    for key in lead:
        without = {name: value for name, value in lead.items() if name != key}
        assert faults(document, schema, {"data": without, "message": "x"}), key


async def test_required_fields_are_those_that_the_service_requires(shared: Api, document: Json) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.body is None or endpoint.method == "PATCH":
            continue
        media = of_table(document)[endpoint.name].spec["requestBody"]["content"][JSON]
        schema = document["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
        path = endpoint.path.format(**dict.fromkeys(("lead", "item", "external_id"), 1))
        answer = (await shared.call(endpoint.method, path, {})).json()
        assert set(schema["required"]) == set(answer["errors"]), endpoint.name


async def test_query_parameters_are_those_that_the_service_knows(api: Api, document: Json, ids: dict[str, int]) -> None:
    for endpoint in ENDPOINTS:
        parameters = of_table(document)[endpoint.name].spec.get("parameters", [])
        described = [each["name"] for each in parameters if each["in"] == "query"]
        query = dict.fromkeys(described, "\x00")
        answer = await api.call(endpoint.method, endpoint.at(ids), endpoint.sent(ids), params={**query, "foo": "1"})
        assert set(answer.json()["errors"]) == {*described, "foo"}, endpoint.name
        unknown = [name for name, texts in answer.json()["errors"].items() if "not recognised" in texts[0]]
        assert unknown == ["foo"], endpoint.name


async def test_money_is_described_as_a_number_or_its_decimal_notation(document: Json) -> None:
    schema = document["components"]["schemas"]["LeadInput"]["properties"]["lead_value"]

    bad: list[Any] = [-1, -0.5, 100_000_000, "x", "-1", "1e5", True, [], {}]
    for value in (0, 2500, 2500.5, "2500", "2500.00", None):
        assert faults(document, schema, value) == []
    for wrong in bad:
        assert faults(document, schema, wrong), wrong


async def test_several_ids_are_described_as_one_text(document: Json) -> None:
    parameters = of_table(document)["GET /api/leads"].spec["parameters"]
    (schema,) = [parameter["schema"] for parameter in parameters if parameter["name"] == "status"]

    assert faults(document, schema, "1") == faults(document, schema, "1,3") == []
    for wrong in ("", "1,", "x", [1, 3]):
        assert faults(document, schema, wrong), wrong
