"""The rules that app/leads_api/validation/rules.py makes of the fields of a struct."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.errors import Faults
from leads_api.validation import values
from leads_api.validation.rules import Rule, rules_of


class Sample(Struct, kw_only=True):
    """One field of each kind."""

    title: Annotated[str, Meta(max_length=5)]
    note: Annotated[str, Meta(max_length=5)] | None = None
    color: Annotated[str, Meta(max_length=9)] = "grey"
    count: Annotated[int, Meta(ge=1, le=9)] = 1
    state: Literal["on", "off"] = "off"
    active: bool = True
    keep: Annotated[str, Meta(max_length=5)] | UnsetType | None = UNSET
    tags: Annotated[list[Annotated[str, Meta(max_length=3)]], Meta(max_length=2)]


def check(members: dict[str, Any], defaults: dict[str, Any] | None = None) -> tuple[dict[str, Any], Faults]:
    faults: Faults = {}
    values = {
        name: rule.check(members[name], faults) if name in members else rule.absent(faults)
        for name, rule in rules_of(Sample, defaults or {}).items()
    }
    return values, faults


def test_absent_fields_get_their_defaults_and_required_ones_a_fault() -> None:
    values, faults = check({})

    assert faults == {"title": ["The title field is required."], "tags": ["The tags field is required."]}
    assert values == {
        "title": None, "note": None, "color": "grey", "count": 1, "state": "off", "active": True, "keep": UNSET,
        "tags": None,
    }  # fmt: skip


@pytest.mark.parametrize("blank", [None, "", " "])
def test_blank_fields_are_null_where_nullable_the_default_where_there_is_one_missing_where_required(blank: Any) -> None:
    values, faults = check(dict.fromkeys(Sample.__struct_fields__, blank))

    assert faults.keys() == {"title", "tags"}
    assert values == {
        "title": None, "note": None, "color": "grey", "count": 1, "state": "off", "active": True, "keep": None,
        "tags": None,
    }  # fmt: skip


def test_a_default_can_be_a_setting() -> None:
    values, _ = check({"title": "a", "tags": []}, {"count": 7})

    assert values["count"] == 7


def test_items_of_an_array_are_checked_each() -> None:
    assert check({"title": "a", "tags": ["ab", ""]})[1] == {"tags.1": ["The tags.1 field is required."]}
    assert check({"title": "a", "tags": ["abcd", 1]})[1] == {
        "tags.0": ["The tags.0 field must not be greater than 3 characters."],
        "tags.1": ["The tags.1 field must be a string."],
    }
    assert check({"title": "a", "tags": ["a"] * 3})[1] == {"tags": ["The tags field must not have more than 2 items."]}
    assert check({"title": "a", "tags": "a"})[1] == {"tags": ["The tags field must be an array."]}
    assert check({"title": "a", "tags": []})[0]["tags"] == []


def test_several_faults_of_one_field_are_kept_in_order() -> None:
    faults: Faults = {}

    values.add_fault(faults, "lead_title", "The {} field is odd.")
    values.add_fault(faults, "lead_title", "The {} field is required.")

    assert faults == {"lead_title": ["The lead title field is odd.", "The lead title field is required."]}


def test_a_rule_tells_its_own_text_for_what_is_missing() -> None:
    faults: Faults = {}
    rule = Rule(name="tags", convert=values.text(5), required=True, missing="The {} field must be present.", many=True)

    assert rule.absent(faults) is None
    assert faults == {"tags": ["The tags field must be present."]}


def test_an_annotation_without_a_rule_is_refused_at_once() -> None:
    class Odd(Struct):
        when: complex

    with pytest.raises(TypeError, match="no rule"):
        rules_of(Odd, {})
