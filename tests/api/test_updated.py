"""`dates.updated` never goes back, whatever the order in which writes end (contract, section 2)."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from tests.api.endpoints import ENDPOINTS, Endpoint, make_records
from tests.client import Api

BEHIND = timedelta(minutes=1)

LEAD, ITEM = "/api/leads/{lead}", "/api/checklists/{item}"
CHANGES = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.path.startswith((LEAD, ITEM, "/api/checklists/positions"))
    and endpoint.method != "GET"
    and endpoint.name not in {f"DELETE {LEAD}", f"DELETE {ITEM}", f"POST {LEAD}/clone"}
]


class Slow(datetime):
    """The time of a process whose clock is behind that of the others."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - BEHIND


@pytest.mark.parametrize("change", CHANGES, ids=lambda endpoint: endpoint.name)
async def test_a_write_with_an_earlier_time_leaves_the_later_one(
    api: Api, change: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await make_records(api)
    record = (LEAD if change.path.startswith(LEAD) else ITEM).format(**ids)
    other = await api.item(ids["lead"])
    body = change.sent(ids)
    if body and "checklist_ids" in body:
        body = {"checklist_ids": [other["id"], ids["item"]]}
    before = (await api.get(record)).json()["data"]
    monkeypatch.setattr("leads_api.clock.datetime", Slow)

    answer = await api.call(change.method, change.at(ids), body)
    after = (await api.get(record)).json()["data"]

    assert answer.status_code == change.status
    assert after["dates"] == before["dates"]
    assert after != before or "version" not in before


async def test_a_write_sets_the_time(api: Api) -> None:
    lead = await api.lead()
    began = datetime.now(UTC) - timedelta(milliseconds=1)

    answer = await api.put(f"/api/leads/{lead['id']}/archive")

    dates = answer.json()["data"]["dates"]
    assert dates["created"] == lead["dates"]["created"]
    assert datetime.fromisoformat(dates["updated"]) >= began
