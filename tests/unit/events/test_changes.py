"""What entries of the change stream tell (app/leads_api/events/changes.py)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp

from leads_api.catalog.cache import Snapshot
from leads_api.events.changes import change_of, shown_fields, unannounced
from leads_api.leads.model import FIELDS, Address, Contact

AT = datetime(2026, 6, 18, 9, 30, tzinfo=UTC)
SETTINGS = Snapshot(
    revision=1,
    statuses={},
    categories={},
    people={},
    custom_fields=[{"_id": 7, "name": "size"}, {"_id": 71, "name": "colour"}],
)


def entry(operation: str, **parts: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "operationType": operation,
        "documentKey": {"_id": 59},
        "wallTime": AT,
        "_id": {"_data": "here"},
    }
    return known | {"inserted": {}, "updated": {}, "set": [], "removed": []} | parts


def said(kind: str, version: int = 2) -> dict[str, Any]:
    return {"version": version, "change": {"type": kind, "by": 3, "request_id": "r-1", "number": 5}}


def test_an_update_tells_its_kind_its_version_and_whose_it_is() -> None:
    change = change_of(entry("update", updated=said("tagged", 8), set=["version", "tags"]))

    assert change
    assert (change.kind, change.lead_id, change.version, change.at) == ("lead.tagged", 59, 8, AT)
    assert (change.by, change.request_id, change.token) == (3, "r-1", {"_data": "here"})


@pytest.mark.parametrize(("told", "kind"), [("created", "created"), ("cloned", "cloned"), ("tagged", "created")])
def test_an_insert_is_a_clone_or_a_new_lead_and_names_no_fields(told: str, kind: str) -> None:
    change = change_of(entry("insert", inserted=said(told, 1)))

    assert change
    assert (change.kind, change.version, change.paths) == (f"lead.{kind}", 1, frozenset())


def test_a_deletion_is_told_by_the_update_before_it_and_names_no_fields() -> None:
    change = change_of(entry("update", updated=said("deleted", 4), set=["version", "change", "dates.updated"]))

    assert change
    assert (change.kind, change.version, change.paths) == ("lead.deleted", 4, frozenset())
    assert change_of(entry("delete")) is None


def test_the_deletion_of_a_document_that_no_update_told_has_nobody() -> None:
    change = unannounced(entry("delete"), 4)

    assert (change.kind, change.lead_id, change.version) == ("lead.deleted", 59, 5)
    assert (change.by, change.request_id) == (None, None)
    assert unannounced(entry("delete"), None).version is None


def test_a_change_that_does_not_say_what_it_is_is_an_update_by_nobody() -> None:
    # As a process of an earlier version writes it that gets the same request id twice.
    change = change_of(entry("update", updated={"version": 3}, set=["version", "status"]))

    assert change
    assert (change.kind, change.version, change.by, change.request_id) == ("lead.updated", 3, None, None)
    assert change.paths == {"version", "status"}


def test_without_a_wall_time_the_time_of_the_cluster_counts() -> None:
    known = entry("delete", clusterTime=Timestamp(AT, 3))
    del known["wallTime"]

    assert unannounced(known, 1).at == AT


def test_paths_that_were_set_removed_and_cut_are_named() -> None:
    change = change_of(
        entry("update", updated=said("merged"), set=["title", "version"], removed=["custom.7"], truncated=["tags"])
    )

    assert change
    assert shown_fields(change.paths, SETTINGS) == ["title", "tags", "custom_fields.size"]


@pytest.mark.parametrize("path", FIELDS.values())
def test_each_field_of_a_request_is_named_as_it_is_shown(path: str) -> None:
    assert shown_fields([path, "version", "change", "dates.updated", "search", "folded.title"], SETTINGS) == [path]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("tags.3", ["tags"]),
        ("assigned", ["assigned"]),
        ("assigned.0", ["assigned"]),
        ("converted", ["converted"]),
        ("converted.client_id", ["converted"]),
        ("active_state", ["active_state"]),
        ("comments_count", ["comments_count"]),
        ("custom.71", ["custom_fields.colour"]),
        ("custom.8", []),
        ("custom", ["custom_fields.size", "custom_fields.colour"]),
        ("contact", [f"contact.{name}" for name in Contact.__struct_fields__]),
        ("address", [f"address.{name}" for name in Address.__struct_fields__]),
        ("comments.0", []),
        ("comments_bytes", []),
        ("held", []),
        ("schema_version", []),
    ],
)
def test_other_paths_are_named_by_the_shown_field_that_they_are_part_of(path: str, names: list[str]) -> None:
    assert shown_fields([path], SETTINGS) == names


def test_fields_are_named_once_and_in_the_order_of_the_lead() -> None:
    paths = ["custom.7", "address.zip", "contact.phone", "tags.0", "tags.1", "status", "title"]

    assert shown_fields(paths, SETTINGS) == [
        "title", "status", "contact.phone", "address.zip", "tags", "custom_fields.size",
    ]  # fmt: skip
