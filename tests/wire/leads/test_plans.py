"""How the list's queries are run: each on an index, none by a scan of the collection (contract, "List").

Left out are searches and filters that combine several indexes: the embedded server scans for them where MongoDB does
not, so its plan says nothing of theirs.
"""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from leads_api.leads.listing import INDEXES, filter_of, order_of
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


def test_every_index_of_the_list_serves_a_query_that_is_explained_here() -> None:
    explained = {*SORTED, *(index for index, _ in FILTERED)}

    assert {index.name for index in INDEXES} - {"search"} == explained


async def plan(database: Database, query: dict[str, Any]) -> list[Document]:
    """Return the stages of a list's winning plan, the outermost first."""
    wanted = LeadQuery(**query)
    find = {"find": COLLECTION, "filter": filter_of(wanted), "sort": dict(order_of(wanted)), "limit": wanted.limit}
    explained = await database.command({"explain": find, "verbosity": "queryPlanner"})
    stages = [explained["queryPlanner"]["winningPlan"]]
    while inner := stages[-1].get("inputStage"):
        stages.append(inner)
    return stages
