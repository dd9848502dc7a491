"""Batches among other calls, and leads of a batch that would be too large (contract, "Batches")."""

import asyncio
from collections import Counter

from leads_api.mongo.client import Database
from tests.client import Api, Json
from tests.conftest import Serve
from tests.wire.leads.test_external_id_races import BODY, leads_of


async def test_concurrent_batches_with_the_same_new_external_ids_create_each_lead_once(
    api: Api, second: Api, database: Database
) -> None:
    sent = [BODY | {"lead_external_id": f"crm-{n}"} for n in range(5)]

    answers = await asyncio.gather(
        *((api, second)[n % 2].post("/api/leads/batch", {"leads": sent, "on_existing": "fail"}) for n in range(6))
    )

    results = [result for answer in answers for result in answer.json()["data"]]
    assert Counter(result["status"] for result in results) == {201: 5, 422: 25}
    found = await leads_of(database)
    assert set(found) == {f"crm-{n}" for n in range(5)}
    assert {result["lead_id"] for result in results if result["status"] == 422} == set(found.values())
    assert await database["leads"].count_documents({}) == 5


async def test_batches_and_single_calls_with_the_same_external_ids_lose_no_change(
    api: Api, second: Api, database: Database
) -> None:
    sent = [BODY | {"lead_external_id": f"crm-{n}"} for n in range(4)]
    batches = (
        (api, second)[n % 2].post("/api/leads/batch", {"leads": sent, "on_existing": "update"}) for n in range(4)
    )
    singles = (
        (api, second)[n % 2].put(f"/api/leads/by-external-id/crm-{n % 4}", BODY | {"lead_phone": str(n)})
        for n in range(8)
    )

    answers = await asyncio.gather(*batches, *singles)

    of_batches = [result for answer in answers[:4] for result in answer.json()["data"]]
    of_singles = [(answer.status_code, answer.json()["data"]["version"]) for answer in answers[4:]]
    statuses = Counter([result["status"] for result in of_batches] + [status for status, _ in of_singles])
    assert statuses == {201: 4, 200: 20}
    found = await leads_of(database)
    versions = [(await api.shown(lead_id))["version"] for lead_id in found.values()]
    assert versions == [6] * 4  # four batches and two single calls


async def test_a_lead_that_would_be_too_large_is_refused_and_the_others_are_written(
    serve: Serve, database: Database
) -> None:
    async with serve(max_body_bytes=60_000_000) as api:
        for n in range(70):
            await api.custom_field(f"p{n}", "paragraph")
        large: Json = BODY | {f"p{n}": "\U0001f600" * 65_000 for n in range(70)}
        single = await api.post("/api/leads", large)
        assert single.status_code == 422

        answer = await api.post("/api/leads/batch", {"leads": [BODY, large | {"lead_external_id": "a"}, BODY]})

    assert [result["status"] for result in answer.json()["data"]] == [201, 422, 201]
    assert answer.json()["data"][1]["errors"] == single.json()["errors"]
    assert await leads_of(database) == {}
    assert await database["leads"].count_documents({}) == 2
