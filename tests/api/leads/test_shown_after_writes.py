"""What was written is acknowledged, also if the settings that its answer shows cannot be read any more."""

from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from leads_api.catalog.cache import Catalog
from leads_api.leads.store import LeadStore
from tests.client import Api


async def test_a_write_is_acknowledged_if_the_settings_cannot_be_read_after_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    creates = LeadStore.create

    async def lost(*_: Any) -> None:
        raise AutoReconnect("the primary steps down")

    async def create(self: LeadStore, given: dict[str, Any], by: int) -> Any:
        written = self._creates

        async def then_away(document: Any) -> Any:
            result = await written(document)
            monkeypatch.setattr(Catalog, "snapshot", lost)
            monkeypatch.setattr(Catalog, "refreshed", lost)
            return result

        monkeypatch.setattr(self, "_creates", then_away)
        return await creates(self, given, by)

    with monkeypatch.context() as patch:
        patch.setattr(LeadStore, "create", create)
        answer = await api.post("/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3})
    monkeypatch.undo()

    assert answer.status_code == 201
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 1
