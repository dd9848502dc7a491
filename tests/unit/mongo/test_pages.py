"""Pages with their totals (app/leads_api/mongo/pages.py)."""

from typing import Any

import mongomock
import pytest
from mongomock_motor import AsyncMongoMockClient

from leads_api.mongo.pages import page_of


@pytest.mark.parametrize(
    ("skip", "limit", "ids", "counted"),
    [
        (0, 6, [1, 2, 3, 4, 5], 0),
        (0, 5, [1, 2, 3, 4, 5], 1),
        (0, 2, [1, 2], 1),
        (4, 2, [5], 1),
        (5, 5, [], 1),
        (2**70, 5, [], 1),  # more than the database takes
    ],
)
async def test_only_a_first_page_that_is_not_full_is_not_counted_for(
    monkeypatch: pytest.MonkeyPatch, skip: int, limit: int, ids: list[int], counted: int
) -> None:
    collection: Any = AsyncMongoMockClient()["leads"]["clients"]
    await collection.insert_many([{"_id": number} for number in range(1, 6)])
    counts: list[Any] = []
    count = mongomock.Collection.count_documents

    def watched(self: Any, wanted: Any, **options: Any) -> Any:
        counts.append(wanted)
        return count(self, wanted, **options)

    monkeypatch.setattr(mongomock.Collection, "count_documents", watched)

    found, total = await page_of(collection, {"_id": {"$gt": 0}}, [("_id", 1)], skip=skip, limit=limit)

    assert ([document["_id"] for document in found], total) == (ids, 5)
    assert len(counts) == counted
