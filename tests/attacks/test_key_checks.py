"""The time of a key check tells nothing about a key (contract, section 1, "Auth").

By construction: the decision about a secret is one call of `hmac.compare_digest`, on hashes of equal length. The
database is asked by the number in a key, which is no secret; never by the secret or its hash.
"""

import hmac
from typing import Any

import pytest

from leads_api.access.keys import KeyStore, digest
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.client import KEY, Api
from tests.conftest import Serve

HASH_BYTES = 32


class Comparisons:
    """Stands for `hmac.compare_digest`: notes what is compared, and may give another answer."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self.answer: bool | None = None
        self._real = hmac.compare_digest

    def __call__(self, first: bytes, second: bytes) -> bool:
        self.seen.append((first, second))
        return self._real(first, second) if self.answer is None else self.answer


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> Comparisons:
    spy = Comparisons()
    monkeypatch.setattr(hmac, "compare_digest", spy)
    return spy


async def status(api: Api, key: str) -> int:
    return (await api.call("GET", "/api/lead-statuses", headers={"Authorization": f"Bearer {key}"})).status_code


async def test_the_key_of_the_settings_is_decided_by_a_comparison_of_hashes(
    serve: Serve, comparisons: Comparisons
) -> None:
    async with serve() as api:
        for key, expected in ((KEY, 200), (KEY[:-1] + "x", 401), ("x" + KEY[1:], 401), (KEY + "x", 401), ("x", 401)):
            comparisons.seen.clear()
            assert await status(api, key) == expected
            assert comparisons.seen == [(digest(KEY), digest(key))]
        comparisons.answer = False
        assert await status(api, KEY) == 401
        comparisons.answer = True
        assert await status(api, "anything") == 200


async def test_a_stored_key_is_decided_by_a_comparison_of_hashes(
    serve: Serve, database: Database, comparisons: Comparisons
) -> None:
    async with serve(api_key=None, cache_seconds=0) as api:
        key, text = await KeyStore(database, Ids(database)).create("test", user=1)
        wrong = [text[:-1] + ("x" if text[-1] != "x" else "y"), f"lk_{key.id}_{'A' * 43}"]
        for guess, expected in ((text, 200), (wrong[0], 401), (wrong[1], 401)):
            comparisons.seen.clear()
            assert await status(api, guess) == expected
            assert comparisons.seen == [(digest(text), digest(guess))]
        comparisons.answer = False
        assert await status(api, text) == 401
        comparisons.answer = True
        assert await status(api, wrong[0]) == 200
    assert all(len(side) == HASH_BYTES for pair in comparisons.seen for side in pair)


async def test_the_database_is_asked_by_number_only_and_not_for_what_is_no_key(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    find_all = KeyStore._find_all

    async def noting(self: KeyStore, key_ids: list[int]) -> Any:
        asked.extend(key_ids)
        return await find_all(self, key_ids)

    monkeypatch.setattr(KeyStore, "_find_all", noting)
    async with serve(api_key=None) as api:
        _, text = await KeyStore(database, Ids(database)).create("test", user=1)
        number = int(text.split("_")[1])
        for guess in (text, f"lk_{number}_{'A' * 43}", f"lk_{number + 1}_{'A' * 43}"):
            await status(api, guess)
        for guess in ("lk_1", "lk_1_x", f"lk_01_{'A' * 43}", f"lk_{'9' * 19}_{'A' * 43}", '{"$gt":""}', "x" * 5000):
            assert await status(api, guess) == 401

    assert asked == [number, number, number + 1]
