"""How the list's queries are run: each on an index, none by a scan of the collection (contract, "List").

Left out are searches and filters that combine several indexes: the embedded server scans for them where MongoDB does
not, so its plan says nothing of theirs.
"""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from leads_api.leads.duplicates import Criterion, filters_of
from leads_api.leads.listing import INDEXES, NEWEST_FIRST, filter_of, order_of
from leads_api.leads.model import Contact
from leads_api.leads.schemas import LeadQuery
from leads_api.leads.store import COLLECTION
from leads_api.mongo.client import Database, Document

MOMENT = datetime(2026, 6, 15, tzinfo=UTC)
DAY = "2026-06-15"
SORTED: dict[str, dict[str, Any]] = {
    "created": {"sort": "lead_created"},
    "title": {"sort": "lead_title"},
    "value": {"sort": "lead_value"},
    "last_contacted": {"sort": "lead_last_contacted"},
}
FILTERED: list[tuple[str, dict[str, Any]]] = [
    ("status_created", {"status": [1]}),
    ("status_created", {"status": [1, 3]}),
    ("status_created", {"status": [1], "created_from": MOMENT}),
    ("status_created", {"status": [1], "sort": "lead_title"}),
    ("category_created", {"category_id": 3}),
    ("category_created", {"category_id": 3, "created_to": MOMENT}),
    ("source_created", {"source": "Website"}),
    ("active_state_created", {"active_state": "active"}),
    ("active_state_created", {"active_state": "archived"}),
    ("assigned_created", {"assigned_user_id": 1}),
    ("email_created", {"email": "jane@acme.example"}),
    ("phone_created", {"phone": "15550100"}),
    ("external_id", {"external_id": "crm-1"}),
    ("tag_created", {"tag": "priority"}),
    ("converted_created", {"converted": "yes"}),
    ("converted_created", {"converted": "no"}),
    ("created", {"created_from": MOMENT}),
    ("created", {"created_to": MOMENT}),
    ("created", {"created_from": MOMENT, "created_to": MOMENT, "order": "asc"}),
    ("updated", {"updated_from": MOMENT}),
    ("updated", {"updated_to": MOMENT}),
    ("updated", {"updated_from": MOMENT, "updated_to": MOMENT}),
    ("last_contacted", {"last_contacted_from": DAY}),
    ("last_contacted", {"last_contacted_to": DAY}),
    ("last_contacted", {"last_contacted_from": DAY, "last_contacted_to": DAY, "sort": "lead_last_contacted"}),
    ("value", {"value_min": 100}),
    ("value", {"value_max": 100}),
    ("value", {"value_min": 100, "value_max": 200, "sort": "lead_value"}),
]
DUPLICATES: dict[Criterion, str] = {
    "email": "email_created",
    "phone": "phone_created",
    "company_and_name": "company_and_name_created",
}
JANE = Contact(None, "Doe", "jane@acme.example", "+1 555 0100", None, "Acme", None)


@pytest.mark.parametrize(("index", "order"), list(itertools.product(SORTED, ["asc", "desc"])))
async def test_an_unfiltered_list_walks_the_index_of_its_sort_and_sorts_nothing_in_memory(
    planned: Database, index: str, order: str
) -> None:
    stages = await plan(planned, SORTED[index] | {"order": order})

    assert [stage["stage"] for stage in stages] == ["LIMIT", "FETCH", "IXSCAN"]
    assert stages[-1]["indexName"] == index


@pytest.mark.parametrize(("index", "query"), FILTERED)
async def test_a_filtered_list_reads_a_range_of_the_index_that_serves_it(
    planned: Database, index: str, query: dict[str, Any]
) -> None:
    stages = await plan(planned, query)

    assert "COLLSCAN" not in [stage["stage"] for stage in stages]
    assert [stage["indexName"] for stage in stages if stage["stage"] == "IXSCAN"] == [index]


@pytest.mark.parametrize("criterion", DUPLICATES)
async def test_what_finds_duplicates_reads_a_range_of_the_index_that_serves_it(
    planned: Database, criterion: Criterion
) -> None:
    stages = await explained(planned, filters_of(JANE)[criterion], NEWEST_FIRST, 51)

    assert [stage["stage"] for stage in stages] in (["LIMIT", "FETCH", "IXSCAN"], ["SORT", "FETCH", "IXSCAN"])
    assert stages[-1]["indexName"] == DUPLICATES[criterion]


def test_every_index_of_the_list_serves_a_query_that_is_explained_here() -> None:
    explained = {*SORTED, *(index for index, _ in FILTERED), *DUPLICATES.values()}

    assert {index.name for index in INDEXES} - {"search"} == explained


async def plan(database: Database, query: dict[str, Any]) -> list[Document]:
    """Return the stages of a list's winning plan, the outermost first."""
    wanted = LeadQuery(**query)
    return await explained(database, filter_of(wanted), order_of(wanted), wanted.limit)


async def explained(
    database: Database, wanted: Document, order: Sequence[tuple[str, int]], limit: int
) -> list[Document]:
    find = {"find": COLLECTION, "filter": wanted, "sort": dict(order), "limit": limit}
    answer = await database.command({"explain": find, "verbosity": "queryPlanner"})
    stages = [answer["queryPlanner"]["winningPlan"]]
    while inner := stages[-1].get("inputStage"):
        stages.append(inner)
    return stages
