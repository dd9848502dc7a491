"""Any sequence of writes leaves leads as the contract's section 3 says, on both stores."""

import asyncio
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.leads.lives import Lives
from tests.client import Api
from tests.faults.extent import extent
from tests.wire.process import SECONDS

EXAMPLES = extent(bounded=12, full=100)
STEPS = 40


async def test_lives_of_leads_are_as_the_oracle_says(api: Api) -> None:
    loop = asyncio.get_running_loop()

    def call(*arguments: Any, **options: Any) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(api.call(*arguments, **options), loop).result(SECONDS)

    statuses = {status["id"]: status for status in (await api.get("/api/lead-statuses")).json()["data"]}
    people = [await api.member(first, last) for first, last in (("Ann", "Lee"), ("Bob", "Day"), ("Cy", "Fox"))]
    members = {person["id"]: person["name"] for person in people}

    run: Any = run_state_machine_as_test  # which takes a function as well as a class
    await asyncio.to_thread(
        run,
        lambda: Lives(call, statuses, members),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # to shrink what fails would take longer than a test may
            suppress_health_check=list(HealthCheck),
        ),
    )
