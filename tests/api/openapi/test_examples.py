"""The examples of the OpenAPI document, held against what the service takes and answers."""

from tests.api.endpoints import ENDPOINTS, WITH_BODY, make_records
from tests.api.openapi.reading import JSON, examples_of, of_table, operations
from tests.client import Api, Json

_REFERENCES = {"lead_ids", "assigned", "checklist_ids", "checklistresource_id"}
"""Fields whose examples name records that only the example has."""


async def test_every_response_has_an_example(document: Json) -> None:
    for operation in operations(document):
        for status, response in operation.spec["responses"].items():
            if status != "304":  # it has no body
                assert examples_of(response["content"][JSON]), (operation.name, status)


async def test_the_example_of_a_success_has_the_message_of_the_endpoint(api: Api, document: Json) -> None:
    ids = await make_records(api)
    table = of_table(document)

    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))
        (example,) = examples_of(table[endpoint.name].spec["responses"][str(endpoint.status)]["content"][JSON])
        assert example["message"] == answer.json()["message"], endpoint.name
        assert example.keys() == answer.json().keys(), endpoint.name


async def test_the_service_takes_the_examples_of_bodies(api: Api, document: Json) -> None:
    table = of_table(document)

    def example(name: str) -> Json:
        body: Json = table[name].spec["requestBody"]["content"][JSON]["example"]
        return body

    field = await api.post("/api/custom-fields", example("POST /api/custom-fields"))
    assert field.status_code == 201
    ids = {**await make_records(api), "field": field.json()["data"]["id"]}  # examples of leads have this field

    for endpoint in WITH_BODY:
        if endpoint.name != "POST /api/custom-fields":
            sent = endpoint.sent(ids) or {}
            body = example(endpoint.name) | {name: sent[name] for name in sent if name in _REFERENCES}
            answer = await api.call(endpoint.method, endpoint.at(ids), body)
            assert answer.status_code == endpoint.status, (endpoint.name, answer.json())


async def test_the_example_of_a_422_is_what_the_endpoint_says(api: Api, document: Json, ids: dict[str, int]) -> None:
    table = of_table(document)

    for endpoint in ENDPOINTS:
        example = examples_of(table[endpoint.name].spec["responses"]["422"]["content"][JSON])[0]
        if "foo" in example["errors"]:
            answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?foo=", endpoint.sent(ids))
        else:
            answer = await api.call(endpoint.method, endpoint.at(ids), None if endpoint.body is None else {})
        assert (answer.status_code, answer.json()) == (422, example), endpoint.name
