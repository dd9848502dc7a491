"""Rows of lists are made once, and anew when the lead or the settings differ (app/leads_api/leads/rows.py)."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
import pytest
from bson import encode
from msgspec.structs import replace

from leads_api.catalog.cache import Catalog, Snapshot
from leads_api.leads import rows
from leads_api.leads.rows import Rows

R = TypeVar("R")

SETTINGS = Snapshot(
    revision=1,
    statuses={1: {"_id": 1, "title": "New", "color": "blue"}},
    categories={3: {"_id": 3, "name": "Leads"}},
    people={},
    custom_fields=[],
)


class Settings:
    """A catalog of some settings."""

    def __init__(self) -> None:
        self.now = SETTINGS

    async def show(self, make: Callable[[Snapshot], R]) -> R:
        return make(self.now)


def document(lead_id: int = 1, **values: Any) -> bytes:
    """Return a lead as a list finds it."""
    return encode({"_id": lead_id, "title": "Acme", "long": {"size": 5}} | values)


def rows_of(settings: Settings) -> Rows:
    return Rows(cast(Catalog, settings))


async def test_a_lead_that_is_listed_again_has_the_row_it_had() -> None:
    made = rows_of(Settings())

    [first] = await made.of([document()])
    [other, again] = await made.of([document(2), document()])

    assert again is first
    assert (other.lead_id, other.is_whole) == (2, True)
    assert msgspec.json.decode(first.encoded)["title"] == "Acme"


async def test_a_lead_that_has_changed_has_another_row() -> None:
    made = rows_of(Settings())
    await made.of([document()])

    [changed] = await made.of([document(title="Zenith")])

    assert msgspec.json.decode(changed.encoded)["title"] == "Zenith"


async def test_after_a_change_of_the_settings_the_row_shows_it() -> None:
    settings = Settings()
    made = rows_of(settings)
    await made.of([document()])

    settings.now = replace(SETTINGS, statuses={1: {"_id": 1, "title": "Fresh", "color": "blue"}})
    [row] = await made.of([document()])

    assert msgspec.json.decode(row.encoded)["status"]["title"] == "Fresh"


@pytest.mark.parametrize(("listed_meanwhile", "remembered"), [(True, True), (False, False)])
async def test_rows_that_nobody_lists_any_more_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, *, listed_meanwhile: bool, remembered: bool
) -> None:
    monkeypatch.setattr(rows, "REMEMBERED_BYTES", 10_000)
    made = rows_of(Settings())
    [first] = await made.of([document()])

    for lead_id in range(2, 100):
        await made.of([document(lead_id)])
        if listed_meanwhile:
            await made.of([document()])
    [again] = await made.of([document()])

    assert (again is first) == remembered
    assert again == first
