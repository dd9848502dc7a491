"""A rate limit over all processes, at the gateway, as the page about running the service says."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.deploy.conftest import always_ok, assert_envelope, calling, standing_in
from tests.deploy.gateways import Nginx
from tests.deploy.processes import DEPLOY

(SECTION,) = re.findall(
    r"\n### A rate limit for all processes\n(.*?)\n## ", (DEPLOY.parent / "docs/operations.md").read_text(), re.DOTALL
)
COUNTING, LIMITING = re.findall(r"```nginx\n(.*?)```", SECTION, re.DOTALL)
BURST = 5
FILES = {
    # As the page says, but for numbers that do not depend on how fast the test is.
    "conf.d/rate-limit.conf": COUNTING.replace("rate=100r/s", "rate=1r/m"),
    "tls/rate-limit.conf": LIMITING.replace("burst=200", f"burst={BURST}"),
}


@pytest.fixture
async def limited(open_nginx: Nginx) -> AsyncIterator[httpx.AsyncClient]:
    async with standing_in(always_ok) as (_, port):
        with open_nginx(port, files=FILES) as gateway:
            async with calling(gateway) as http:
                yield http


async def statuses(http: httpx.AsyncClient, method: str, *values: str) -> list[int]:
    headers = [{"Authorization": value} if value else {} for value in values]
    return [(await http.request(method, "/api/leads/1", headers=each)).status_code for each in headers]


async def test_a_key_is_limited_by_all_its_requests_together(limited: httpx.AsyncClient) -> None:
    assert await statuses(limited, "GET", "Bearer a", "bearer a", "BEARER  a") == [200] * 3
    assert await statuses(limited, "PUT", "Bearer a", "Bearer a", "Bearer a") == [200] * 3
    assert await statuses(limited, "GET", "Bearer a", "bEARER a") == [429, 429]
    assert await statuses(limited, "GET", "Bearer b") == [200]


async def test_without_a_key_nothing_is_counted(limited: httpx.AsyncClient) -> None:
    assert await statuses(limited, "GET", *[""] * (BURST + 5)) == [200] * (BURST + 5)


async def test_the_refusal_has_the_envelope_and_says_when_to_try_again(limited: httpx.AsyncClient) -> None:
    await statuses(limited, "GET", *["Bearer a"] * (BURST + 1))

    refused = await limited.get("/api/leads", headers={"Authorization": "Bearer a"})

    assert_envelope(refused, 429, "Too many requests. Please slow down.")
    assert refused.headers["retry-after"] == "1"
