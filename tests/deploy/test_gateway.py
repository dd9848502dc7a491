"""The service behind the gateway: callers meet what the contract says (section 1, "Errors", and section 5)."""

import asyncio
from uuid import uuid4

from leads_api.settings import Settings
from tests.client import Api
from tests.deploy.conftest import assert_envelope


async def test_what_is_written_through_the_gateway_is_read_through_it(api: Api) -> None:
    name = uuid4().hex  # the service has leads of other tests as well
    lead = await api.lead(lead_title=f"Acme - nöw {name}")
    changed = await api.patch(f"/api/leads/{lead['id']}", {"lead_value": "12.50"})

    shown = await api.get(f"/api/leads/{lead['id']}")
    found = await api.get("/api/leads", search=f"nöw {name}", limit=1)

    assert changed.status_code == 200
    assert shown.json()["data"]["title"] == f"Acme - nöw {name}"
    assert shown.json()["data"]["value"] == "12.50"
    assert found.json()["meta"]["total"] == 1


async def test_the_services_own_faults_come_through_as_they_are(api: Api) -> None:
    missing = await api.get("/api/leads/999999")
    keyless = await api.http.get("/api/leads")
    wrong_method = await api.call("PATCH", "/api/leads")

    assert_envelope(missing, 404, "Lead not found.")
    assert_envelope(keyless, 401, "Unauthorized. A valid API key is required.")
    assert keyless.headers["www-authenticate"] == "Bearer"
    assert_envelope(wrong_method, 405, "Method not allowed.")
    assert wrong_method.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_request_id_goes_through_to_the_service_and_back(api: Api) -> None:
    answer = await api.call("GET", "/api/leads", headers={"X-Request-ID": "order-17/a"})

    assert answer.headers.get_list("x-request-id") == ["order-17/a"]


async def test_a_body_just_over_the_limit_is_refused_by_the_service_in_its_own_words(api: Api) -> None:
    limit = Settings().max_body_bytes

    answer = await api.call("POST", "/api/leads", content=b"a" * (limit + 1))

    assert_envelope(answer, 413, f"The request body must not be larger than {limit} bytes.")


async def test_a_body_of_the_largest_size_reaches_the_service(api: Api) -> None:
    body = b'{"lead_title": 1}'.ljust(Settings().max_body_bytes)

    answer = await api.call("POST", "/api/leads", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422


async def test_no_call_of_many_is_lost_between_gateway_and_service(api: Api) -> None:
    async def some(number: int) -> list[int]:
        answers = [await api.get("/api/lead-statuses", page=1, limit=number) for _ in range(40)]
        return [answer.status_code for answer in answers]

    statuses = await asyncio.gather(*(some(number) for number in range(1, 11)))

    assert statuses == [[200] * 40] * 10


async def test_the_metrics_are_the_service_s_but_not_for_callers(api: Api) -> None:
    for path in ("/metrics", "/metrics/", "/crm/metrics"):
        assert_envelope(await api.get(path), 404, "Not found.")
